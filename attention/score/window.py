"""Windows of local attention: a query sees what lies near a position, and nothing else."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from attnbench.attention.core import Memory


def places(memory: Memory) -> Int[Tensor, "batch #query memory"]:
    """Each position's place among those that may be seen, from 0: hidden ones, wherever they lie, might as well not be there."""
    return memory.mask.cumsum(dim=-1) - 1


def visible(memory: Memory) -> Int[Tensor, "batch #query 1"]:
    """S: how many positions may be seen."""
    return memory.mask.sum(dim=-1, keepdim=True)


def narrowed(memory: Memory, distance: Tensor, half_width: int) -> Memory:
    """The memory with all that lies farther than `half_width` from the window's centre hidden too.

    `distance` is of shape [batch, query, memory], whole or real, and may have either sign.
    """
    return memory._replace(mask=memory.mask & (distance.abs() <= half_width))


def check_half_width(half_width: int) -> None:
    """Raises ValueError unless a window of that half width holds a position wherever its centre lies."""
    if half_width < 1:
        raise ValueError(f"half_width={half_width}: must be at least 1")


class PredictedWindow(nn.Module):
    """p = S · sigmoid(vᵀ tanh(W q)), S the number of positions that may be seen. Luong et al. 2015, eq. 9.

    W is square. Places are counted from 0, so that some place lies within 1 of p wherever that is. p is reckoned in float32
    at least: in bfloat16 places above 256 run together.
    """

    def __init__(self, query_dim: int, half_width: int) -> None:
        super().__init__()
        check_half_width(half_width)
        self.half_width = half_width
        self.hidden = nn.Linear(query_dim, query_dim, bias=False)
        self.position = nn.Linear(query_dim, 1, bias=False)

    def forward(
        self, query: Float[Tensor, "batch query query_dim"], memory: Memory
    ) -> tuple[Memory, Float[Tensor, "batch query memory"]]:
        """The memory within half_width of p, and -(s - p)² / 2σ² with σ = half_width / 2 for each place s (eq. 10)."""
        share = self.position(torch.tanh(self.hidden(query)))
        share = torch.sigmoid(share.to(torch.promote_types(share.dtype, torch.float32)))
        distance = places(memory) - visible(memory) * share
        return narrowed(memory, distance, self.half_width), -2 * (distance / self.half_width) ** 2
