"""An image as it lies on disk or in memory, decoded only where somebody looks at it."""

import hashlib
import io
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import PIL.ImageOps
import torch
from jaxtyping import Float
from torch import Tensor
from torchvision.transforms.v2 import functional as transforms

from attnbench.tasks.source import DataError


class Picture:
    """Encoded bytes, or the file that holds them; as `datasets.Image(decode=False)` hands them out.

    No tuple: what brings a batch to its device goes through tuples number by number, and through the bytes of every image.
    """

    def __init__(self, data: bytes | None, path: str | None) -> None:
        self.data = data
        self.path = path

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> "Picture":
        """From a row of a data set."""
        return cls(kept["bytes"], kept["path"])

    @property
    def name(self) -> str:
        """What messages call it."""
        return self.path or "an image in memory"

    def content(self) -> bytes:
        """The encoded bytes. Raises DataError where the file is not there."""
        if self.data is not None:
            return self.data
        assert self.path is not None
        try:
            return Path(self.path).read_bytes()
        except OSError as error:
            raise DataError(f"{self.path}: cannot be read ({error.strerror}); give an image file") from None

    def checksum(self) -> str:
        """SHA-256 of the encoded bytes."""
        return hashlib.sha256(self.content()).hexdigest()

    def open(self) -> PIL.Image.Image:
        """The decoded image in RGB, whatever its mode (grey, CMYK, palette, transparent over white), upright.

        Raises DataError where it is no image, cut short, or so large that decoding it would be dangerous.
        """
        try:
            encoded = PIL.Image.open(io.BytesIO(self.content()))
            encoded.load()
            image = eight_bits(encoded)
        except (OSError, SyntaxError, ValueError, PIL.Image.DecompressionBombError) as error:
            reason = "no image" if isinstance(error, PIL.UnidentifiedImageError) else f"damaged: {error}"
            raise DataError(f"{self.name}: {reason}; give a whole image file, such as a JPEG or PNG") from None
        return rgb(upright(image))

    def pixels(self) -> Float[Tensor, "3 height width"]:
        """Red, green and blue in [0, 1]."""
        return transforms.to_dtype(transforms.pil_to_tensor(self.open()), torch.float32, scale=True)


def upright(image: PIL.Image.Image) -> PIL.Image.Image:
    """Turned as its camera was held; as it lies where what is said of that is damaged."""
    try:
        return PIL.ImageOps.exif_transpose(image)
    except (SyntaxError, ValueError, struct.error):
        return image


def eight_bits(image: PIL.Image.Image) -> PIL.Image.Image:
    """Grey of 16 bits a pixel as 8; any other image as it is. Raises ValueError where nobody knows which value is white."""
    if image.mode == "F" or (image.mode == "I" and image.format != "PNG"):
        raise ValueError("32 bits a pixel")
    if not image.mode.startswith("I"):
        return image
    grey = PIL.Image.fromarray((np.asarray(image) // 257).astype(np.uint8))
    grey.info["exif"] = image.getexif().tobytes()
    return grey


def rgb(image: PIL.Image.Image) -> PIL.Image.Image:
    """In RGB; what shines through is white."""
    if image.has_transparency_data:
        clear = image.convert("RGBA")
        ground = PIL.Image.new("RGBA", clear.size, "white")
        return PIL.Image.alpha_composite(ground, clear).convert("RGB")
    return image.convert("RGB")
