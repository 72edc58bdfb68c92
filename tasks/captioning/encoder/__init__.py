"""Image encoders: an image into a grid of annotations."""

from attnbench.tasks.captioning.encoder.encoder import Encoder
from attnbench.tasks.captioning.encoder.grids import Grids
from attnbench.tasks.captioning.encoder.small import STRIDE, GridEncoder, grid
from attnbench.tasks.captioning.encoder.torchvision_grid import TorchvisionGrid

__all__ = ["STRIDE", "Encoder", "GridEncoder", "Grids", "TorchvisionGrid", "grid"]
