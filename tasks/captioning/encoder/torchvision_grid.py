"""torchvision's classifiers as encoders."""

from typing import Literal, get_args

import PIL.Image
import PIL.ImageOps
import torch
from jaxtyping import Float
from torch import Tensor, nn

from attnbench.tasks.captioning.encoder import backbone
from attnbench.tasks.captioning.encoder.encoder import Encoder, pixels
from attnbench.tasks.captioning.encoder.weights import IMAGENET, fill, read_weights

Resize = Literal["squash", "crop"]
RANDOM = "random"


class TorchvisionGrid(Encoder):
    """a_ij = what a classifier's last grid of features holds at row i and column j. Xu et al. 2015, §4.3.

    Any classifier of torchvision that ends in a grid; what follows the grid is dropped. Frozen, it stays in evaluation mode
    and no graph is built through it; with `fine_tune` it learns with the rest.

    name: torchvision's, such as squeezenet1_1, vgg19, resnet101.
    weights: torchvision's (`IMAGENET1K_V1`, `DEFAULT`), downloaded; a file of a state_dict, as given or below `data_dir`;
        `random`; null, which is random too and refused where frozen.
    size: pixels each side. A SqueezeNet 1.1 gives 14 × 14 × 512 at 227, a VGG-19 at 224.
    layer: null is the last grid before the head, pooling left out.
    resize: `squash` changes an image's proportions and keeps all of it, `crop` keeps its middle.
    """

    size: tuple[int, int]
    mean: Tensor
    deviation: Tensor

    def __init__(
        self,
        name: str,
        weights: str | None,
        size: int,
        layer: str | None = None,
        fine_tune: bool = False,
        resize: Resize = "squash",
        data_dir: str | None = None,
    ) -> None:
        super().__init__()
        if size < 1:
            raise ValueError(f"size={size}: must be a number of pixels, such as 224")
        if resize not in get_args(Resize):
            raise ValueError(f"resize={resize}: must be one of {', '.join(get_args(Resize))}")
        backbone.blueprint(name)
        if weights is None and not fine_tune:
            raise ValueError(
                "weights=null: a frozen encoder that has learnt nothing; give weights=IMAGENET1K_V1, a file, or weights=random"
            )
        self.name = name
        self.resize = resize
        self.size = (size, size)
        self.frozen = not fine_tune
        self.layer = backbone.last_grid(name, *self.size) if layer is None else backbone.found(name, layer, *self.size)
        self.width = backbone.shapes(name, *self.size)[self.layer][1]
        self.network: nn.Module
        self.normalised_by: tuple[tuple[float, ...], tuple[float, ...]] = IMAGENET
        if torch.get_default_device().type == "meta":
            self.network = backbone.empty(name, self.layer)
        elif weights is None or weights == RANDOM:
            self.network = backbone.headless(backbone.classifier(name), self.layer)
        else:
            found = read_weights(name, weights, data_dir)
            self.normalised_by = (found.mean, found.deviation)
            self.network = backbone.empty(name, self.layer)
            fill(self.network, name, found)
            self.network.to(torch.get_default_device())
        for what, values in zip(("mean", "deviation"), self.normalised_by, strict=True):
            self.register_buffer(what, torch.tensor(values).reshape(3, 1, 1), persistent=False)
        self.network.requires_grad_(fine_tune)
        self.train(fine_tune)

    def grid(self, height: int, width: int) -> tuple[int, int]:
        """Rows and columns of the layer's output."""
        rows, columns = backbone.shapes(self.name, height, width)[self.layer][2:]
        return rows, columns

    def prepare(self, image: PIL.Image.Image) -> Float[Tensor, "3 height width"]:
        """Bilinear, smoothed where the image becomes smaller."""
        bilinear = PIL.Image.Resampling.BILINEAR
        if self.resize == "crop":
            return pixels(PIL.ImageOps.fit(image, self.size, method=bilinear))
        return pixels(image.resize(self.size, bilinear))

    def forward(self, images: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch annotation rows columns"]:
        """Annotations of images with values in [0, 1]."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            grids: Tensor = self.network((images - self.mean) / self.deviation)[backbone.GRID]
        return grids

    def train(self, mode: bool = True) -> "TorchvisionGrid":
        """Training mode, unless frozen."""
        super().train(mode and not self.frozen)
        return self

    def description(self) -> str:
        """Network, layer, and how images come to it."""
        height, width = self.size
        mean, deviation = self.normalised_by
        return (
            f"{self.name} as far as {self.layer}; {height} × {width} by {self.resize}, bilinear; "
            f"mean {mean}, standard deviation {deviation}"
        )
