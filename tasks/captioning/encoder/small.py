"""The small convolutional encoder: a grid of annotations over an image."""

import PIL.Image
import torch
from jaxtyping import Float
from torch import Tensor, nn

from attnbench.tasks.captioning.encoder.encoder import Encoder, pixels

STRIDE = 8  # pixels from one annotation to the next
CONTRAST = 3.0  # brings images of a dark ground with few bright objects to about unit variance
FAINT = 0.1  # places begin this much below the usual initial values


class GridEncoder(Encoder):
    """a_ij = CNN(image)_ij + W (i, j): an annotation of size `width` for every 8 × 8 pixels, with its place in the image.

    A decoder reads a set of annotations: without their places it could not tell left from right. Rows and columns run from -1
    to 1. Kernels of 4 with a padding of 1 keep each annotation over the middle of its cell.
    All empty cells begin with much the same annotation: no bias, black as zero, faint places. Else plain dot-product attention
    fixes on some corner before there is anything to see.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        if width < 4 or width % 4:
            raise ValueError(
                f"hidden_dim={width}: must be a multiple of 4, the first of the encoder's layers has a quarter of it"
            )
        self.width = width
        self.frozen = False
        self.size = None
        self.layers = nn.Sequential(
            nn.Conv2d(3, width // 4, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(width // 4, width // 2, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(width // 2, width, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1),
        )
        self.place = nn.Linear(2, width, bias=False)
        self.initialize()

    @torch.no_grad()
    def initialize(self) -> None:
        """Layers before a ReLU keep the signal's size (He et al. 2015), which PyTorch's default would shrink at each."""
        convolutions = [layer for layer in self.layers if isinstance(layer, nn.Conv2d)]
        for layer in convolutions[:-1]:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        for layer in convolutions:
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)
        self.place.weight.mul_(FAINT)

    def grid(self, height: int, width: int) -> tuple[int, int]:
        """One annotation for every 8 × 8 pixels."""
        return grid(height, width)

    def prepare(self, image: PIL.Image.Image) -> Float[Tensor, "3 height width"]:
        """The pixels as they are."""
        return pixels(image)

    def description(self) -> str:
        """Its name and size."""
        return f"small CNN of width {self.width}"

    def forward(self, images: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch annotation rows columns"]:
        """Annotations of images with values in [0, 1]."""
        seen = self.layers(CONTRAST * images)
        rows, columns = (torch.linspace(-1, 1, side, device=images.device) for side in seen.shape[2:])
        places = torch.stack(torch.meshgrid(rows, columns, indexing="ij"), dim=-1).to(images.dtype)
        annotations: Tensor = seen + self.place(places).permute(2, 0, 1)
        return annotations


def grid(height: int, width: int) -> tuple[int, int]:
    """Rows and columns of the annotations of images of that size in pixels."""
    return height // STRIDE, width // STRIDE
