"""The small convolutional encoder: a grid of annotations over an image."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

STRIDE = 8  # pixels from one annotation to the next


class GridEncoder(nn.Module):
    """Three convolutions of stride 2 and one of stride 1: an annotation of size `width` for every 8 × 8 pixels.

    Kernels of 4 with a padding of 1 keep each annotation over the middle of its cell. Two channels of coordinates from -1 to 1 are
    added to the image (Liu et al. 2018, CoordConv): a decoder that reads a set of annotations could not tell left from
    right without them.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        if width < 4 or width % 4:
            raise ValueError(f"hidden_dim={width}: must be a multiple of 4, which the encoder's first layer has of it")
        self.layers = nn.Sequential(
            nn.Conv2d(5, width // 4, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(width // 4, width // 2, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(width // 2, width, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1),
        )
        for layer in self.layers[:-1]:
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")

    def forward(self, images: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch annotation rows columns"]:
        """Annotations of images with values in [0, 1]."""
        batch, _, height, width = images.shape
        down = torch.linspace(-1, 1, height, device=images.device, dtype=images.dtype).view(1, 1, -1, 1)
        across = torch.linspace(-1, 1, width, device=images.device, dtype=images.dtype).view(1, 1, 1, -1)
        places = [down.expand(batch, 1, height, width), across.expand(batch, 1, height, width)]
        annotations: Tensor = self.layers(torch.cat([images * 2 - 1, *places], dim=1))
        return annotations

    @staticmethod
    def grid(images: Float[Tensor, "batch 3 height width"]) -> tuple[int, int]:
        """Rows and columns of annotations."""
        return images.shape[2] // STRIDE, images.shape[3] // STRIDE
