"""Pictures with left and right exchanged, which training may see instead (Krizhevsky et al. 2012, §4.1)."""

import hashlib
from collections.abc import Mapping
from typing import Any

import PIL.Image
import PIL.ImageOps

from attnbench.tasks.captioning.picture import Picture


class Mirrored(Picture):
    """A picture as a mirror shows it; it has a checksum of its own."""

    def checksum(self) -> str:
        """SHA-256, made from that of the encoded bytes."""
        return mirrored_checksum(super().checksum())

    def open(self) -> PIL.Image.Image:
        """The mirrored image. Raises DataError where the picture cannot be decoded."""
        return PIL.ImageOps.mirror(super().open())


def mirrored_checksum(checksum: str) -> str:
    """A mirrored picture's, from the picture's."""
    return hashlib.sha256(f"mirrored {checksum}".encode()).hexdigest()


def pictured(image: Mapping[str, Any], mirrored: bool = False) -> Picture:
    """The picture that an image of a data set is, or its mirror image."""
    return Mirrored.of(image) if mirrored else Picture.of(image)
