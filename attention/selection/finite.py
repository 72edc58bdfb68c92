"""What sparse selections are given in place of -inf."""

import torch
from jaxtyping import Float
from torch import Tensor

REACH = 4.0  # sparsemax gives 0 to what is 1 below the best, entmax-1.5 to what is 2 below


def finite(scores: Float[Tensor, "batch query memory"]) -> Float[Tensor, "batch query memory"]:
    """The scores in float32 at least, with 0 for the best and none farther below it than counts.

    What is raised here, masked positions first of all, keeps its weight of exactly 0 and its gradient of 0. -inf itself turns
    the thresholds' running sums into NaN, and only by what comparisons make of NaN would the weights come out right.
    """
    exact = scores.to(torch.promote_types(scores.dtype, torch.float32))
    return (exact - exact.detach().amax(dim=-1, keepdim=True)).clamp_min(-REACH)
