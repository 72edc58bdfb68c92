"""What a mechanism is given to read: random numbers, the same every time."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from attnbench.benchmarks.speed.plan import SEED, Plan
from attnbench.benchmarks.speed.sizes import Sizes


class Inputs(NamedTuple):
    """Queries, a memory before it is prepared, and the gradient that the context is given on the way back."""

    query: Float[Tensor, "batch query hidden"]
    keys: Float[Tensor, "batch memory hidden"]
    values: Float[Tensor, "batch memory hidden"]
    mask: Bool[Tensor, "batch 1 memory"]
    pull: Float[Tensor, "batch query hidden"]


def inputs_for(plan: Plan, sizes: Sizes, *, ragged: bool = False) -> Inputs:
    """Inputs of these sizes, on the plan's device. All memory may be seen, or with `ragged` less in every later row."""
    source = torch.Generator().manual_seed(SEED)
    batch, queries, memory, hidden = sizes

    def numbers(length: int) -> Tensor:
        made = torch.empty(batch, length, hidden).normal_(generator=source)
        return made.to(plan.device, plan.torch_dtype)

    lengths = torch.arange(batch).mul(memory).div(2 * batch, rounding_mode="floor") if ragged else torch.zeros(batch)
    mask = (torch.arange(memory) < memory - lengths.unsqueeze(1)).unsqueeze(1).to(plan.device)
    query, keys, values = (numbers(length).requires_grad_() for length in (queries, memory, memory))
    return Inputs(query, keys, values, mask, numbers(queries))
