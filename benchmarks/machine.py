"""What a run's machine is asked for: device, number of devices, precision."""

from dataclasses import dataclass
from typing import Literal, get_args

import torch

from attnbench.benchmarks.errors import InputError

Accelerator = Literal["auto", "cpu", "gpu"]
Precision = Literal["auto", "32-true", "bf16-mixed", "16-mixed"]

WIDE = 256


@dataclass(frozen=True)
class Machine:
    """The trainer group of the config, resolved on this machine.

    `accelerator=auto` takes a GPU where there is one. `precision=auto` is bf16-mixed where the device computes in bf16 and,
    on a CPU, states are at least WIDE numbers wide: below that casting costs more than it saves. With several devices
    every batch is split among them.
    """

    accelerator: Accelerator
    devices: int
    precision: Precision
    width: int

    def __post_init__(self) -> None:
        if self.accelerator not in get_args(Accelerator):
            raise InputError(f"accelerator={self.accelerator}: must be one of {', '.join(get_args(Accelerator))}")
        if self.precision not in get_args(Precision):
            raise InputError(f"precision={self.precision}: must be one of {', '.join(get_args(Precision))}")
        if self.devices < 1:
            raise InputError(f"devices={self.devices}: must be at least 1")
        if self.accelerator == "gpu" and not torch.cuda.is_available():
            raise InputError("accelerator=gpu: this machine has no GPU that torch can use; use trainer=cpu")

    @property
    def gpu(self) -> bool:
        """Whether the run uses a GPU."""
        return self.accelerator != "cpu" and torch.cuda.is_available()

    @property
    def kind(self) -> Literal["cpu", "gpu"]:
        """Which accelerator the run uses."""
        return "gpu" if self.gpu else "cpu"

    @property
    def resolved_precision(self) -> str:
        """The precision with `auto` decided."""
        if self.precision != "auto":
            return self.precision
        if self.gpu:
            return "bf16-mixed" if torch.cuda.is_bf16_supported() else "32-true"
        return "bf16-mixed" if self.width >= WIDE and torch.ops.mkldnn._is_mkldnn_bf16_supported() else "32-true"

    @property
    def strategy(self) -> str:
        """Lightning's strategy: several devices are started from this process, so that sweeps go on in it."""
        if self.devices == 1:
            return "auto"
        return "ddp_spawn"
