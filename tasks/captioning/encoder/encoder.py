"""The contract of encoders."""

import hashlib
from abc import ABC, abstractmethod

import numpy as np
import PIL.Image
import torch
from jaxtyping import Float
from torch import Tensor, nn


class Encoder(nn.Module, ABC):
    """Images into a grid of annotations.

    Images come to `forward` as `prepare` gives them: RGB, values in [0, 1].
    """

    width: int  # size of an annotation
    frozen: bool  # its parameters do not learn: its grids can be computed once
    size: tuple[int, int] | None  # height and width that `prepare` brings every image to; None: each keeps its own

    @abstractmethod
    def grid(self, height: int, width: int) -> tuple[int, int]:
        """Rows and columns for images of that size as they come to forward."""

    @abstractmethod
    def prepare(self, image: PIL.Image.Image) -> Float[Tensor, "3 height width"]:
        """An RGB image as forward wants it: brought to its size, values in [0, 1]."""

    @abstractmethod
    def forward(self, images: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch annotation rows columns"]:
        """The annotations."""

    @abstractmethod
    def description(self) -> str:
        """All but the weights that decides the grids: architecture, layer, transform."""

    def fingerprint(self) -> str:
        """Hash of weights and description: equal where the grids are equal."""
        digest = hashlib.sha256(self.description().encode())
        for name, value in sorted(self.state_dict().items()):
            kept = value.detach().cpu().contiguous()
            digest.update(f"{name} {tuple(kept.shape)} {kept.dtype}".encode())
            digest.update(kept.reshape(-1).view(torch.uint8).numpy().data)
        return digest.hexdigest()


def pixels(image: PIL.Image.Image) -> Float[Tensor, "3 height width"]:
    """Red, green and blue in [0, 1]."""
    values = np.asarray(image, dtype=np.float32).transpose(2, 0, 1)
    return torch.from_numpy(np.divide(values, np.float32(255), order="C"))
