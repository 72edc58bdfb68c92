"""Floating-point operations of a model: those of its matrix products and convolutions, in one teacher-forced pass."""

from collections.abc import Mapping
from typing import Any

import torch
from hydra.utils import instantiate
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.flop_counter import FlopCounterMode

from attnbench.tasks.base import Model, Task

Config = Mapping[str, Any]
UNSEEN = ("auto", "lean")  # kernels whose products the counter might not see; the plain one computes the same


def model_of(attention: Config, task: Task) -> Model:
    """The task's model around the mechanism that a resolved config describes, always with the same initial values.

    The common random state stays as it was.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return task.model(instantiate(attention))


def plain(attention: Config) -> dict[str, Any]:
    """The config with every `kernel` in its plain form, whatever was asked for."""
    found = {key: plain(value) if isinstance(value, Mapping) else value for key, value in attention.items()}
    return {key: "plain" if key == "kernel" and value in UNSEEN else value for key, value in found.items()}


def flops_per_example(attention: Config, task: Task) -> float:
    """FLOPs an example of the mechanism's model on the first validation batch, its padding included; see `counted`."""
    model = model_of(plain(attention), task)
    return counted(model, next(iter(task.data.val_dataloader())))


def counted(model: Model, batch: Any) -> float:
    """FLOPs an example of a teacher-forced pass over a batch, forward alone, in evaluation mode on the CPU.

    As torch counts them: a multiplication and an addition are two, and what is not a matrix product, a convolution or
    torch's own fused attention (tanh, softmax, sums, ...) is none.
    """
    model.eval()
    with (
        torch.random.fork_rng(devices=[]),
        # Without gradients, and with oneDNN, some layers take fused paths that the counter sees nothing of.
        torch.enable_grad(),
        torch.backends.mkldnn.flags(enabled=False),
        saved_tensors_hooks(lambda _: None, lambda kept: kept),  # no backward pass follows: nothing is held for it
        FlopCounterMode(display=False) as counter,
    ):
        examples = len(model(batch).nll)
    return counter.get_total_flops() / examples
