"""From scores of starts and ends to the best span."""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional


def best_spans(
    start: Float[Tensor, "batch memory"], end: Float[Tensor, "batch memory"], longest: int
) -> tuple[Int[Tensor, " batch"], Int[Tensor, " batch"], Float[Tensor, " batch"]]:
    """argmax of start_i + end_j over i ≤ j < i + longest, and its value; the first of equals.

    With log-probabilities the span of the largest p(start) · p(end) (Chen et al. 2017, §3.2). Time: batch · memory · longest.
    """
    behind = functional.pad(end, (0, longest - 1), value=-torch.inf).unfold(1, longest, 1)
    best, reach = behind.max(dim=-1)
    value, first = (start + best).max(dim=1)
    return first, first + reach.gather(1, first.unsqueeze(1)).squeeze(1), value
