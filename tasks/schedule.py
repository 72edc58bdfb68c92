"""How the learning rate goes over training."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

Shape = Literal["constant", "linear", "cosine"]


@dataclass(frozen=True)
class Schedule:
    """What the learning rate is multiplied by when a share of training is over.

    It rises evenly from 0 over the first `warmup` of training; from there it stays at 1 (`constant`) or falls to 0, evenly
    (`linear`) or by half a cosine wave (`cosine`; Loshchilov and Hutter 2017, eq. 5, without restarts).
    """

    shape: Shape = "constant"
    warmup: float = 0.0

    def __post_init__(self) -> None:
        if self.shape not in get_args(Shape):
            raise ValueError(f"schedule={self.shape}: must be one of {', '.join(get_args(Shape))}")
        if not isinstance(self.warmup, int | float) or not 0 <= self.warmup < 1:
            raise ValueError(f"warmup={self.warmup}: must be a share of training, from 0 to below 1")

    def __call__(self, progress: float) -> float:
        """The factor at a share of training from 0 to 1."""
        if progress < self.warmup:
            return progress / self.warmup
        past = min(1.0, (progress - self.warmup) / (1.0 - self.warmup))
        if self.shape == "linear":
            return 1.0 - past
        return 0.5 * (1.0 + math.cos(math.pi * past)) if self.shape == "cosine" else 1.0
