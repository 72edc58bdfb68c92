"""What a run costs: parameters, FLOPs, seconds, step time, peak memory. What cannot be read is None."""

from pathlib import Path

import torch
from torch import nn

from attnbench.benchmarks.flops import Config, flops_per_example
from attnbench.tasks.base import Task
from attnbench.tasks.estimators.places import places

CLEAR_PEAK = "5"  # written to Linux' clear_refs it resets the process's peak resident size


def parameters(module: nn.Module) -> int:
    """How many trainable numbers a module has."""
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)


def attention_parameters(module: nn.Module) -> int:
    """How many of them belong to the attentions that are compared; a self-attention is part of the model."""
    owned = {id(p): p.numel() for attention in places(module) for p in attention.parameters() if p.requires_grad}
    return sum(owned.values())


def flops(attention: Config, task: Task) -> float | None:
    """FLOPs an example, None where the CPU cannot count them: a mechanism for GPUs alone, a plain form that does not fit."""
    try:
        return flops_per_example(attention, task)
    except (RuntimeError, ValueError):  # what is wrong with the model itself, training says
        return None


class PeakMemory:
    """Peak memory since it was made, in bytes: allocated on the GPU if the run used one, else resident in this process."""

    def __init__(self, *, gpu: bool) -> None:
        self.gpu = gpu
        self.reset = True
        if gpu:
            torch.cuda.reset_peak_memory_stats()
        else:
            try:
                Path("/proc/self/clear_refs").write_text(CLEAR_PEAK)
            except OSError:
                self.reset = False

    def read(self) -> int | None:
        """The peak, None where it could not be reset and would be that of an earlier run."""
        if self.gpu:
            return torch.cuda.max_memory_allocated()
        if not self.reset:
            return None
        status = Path("/proc/self/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
