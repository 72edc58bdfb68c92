"""What is to be measured, and how long."""

from dataclasses import dataclass
from typing import Literal, get_args

import torch

from attnbench.benchmarks.speed.sizes import Growth, Sizes, grown

Pass = Literal["forward", "backward", "step"]
PASSES: tuple[Pass, ...] = get_args(Pass)
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
DEVICES = ("cpu", "cuda")
SEED = 0


@dataclass(frozen=True)
class Plan:
    """The options of a measurement, all valid.

    `prepared`: forward and backward start from a prepared memory, which then counts as input. `seconds` is spent on the
    clock for each case (a mechanism, a pass, a size), `repeat` fixes the number of rounds instead. `limit` is the most bytes
    above the inputs that a form may take; None leaves it to what the machine has.
    """

    base: Sizes
    growth: Growth
    passes: tuple[Pass, ...] = PASSES
    dtype: str = "float32"
    device: str = "cpu"
    compiled: bool = True
    prepared: bool = False
    repeat: int | None = None
    seconds: float = 2.0
    limit: int | None = None

    @property
    def sizes(self) -> list[Sizes]:
        """Every size that is measured."""
        return list(grown(self.base, self.growth))

    @property
    def torch_dtype(self) -> torch.dtype:
        """The number format."""
        return DTYPES[self.dtype]
