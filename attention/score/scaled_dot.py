"""Dot-product attention, scaled."""

import torch
from jaxtyping import Float
from torch import Tensor

from attnbench.attention.core import Memory, Score
from attnbench.attention.score.projection import Project, query_projection


class ScaledDot(Score):
    """e(q, k) = qᵀ k / √d with d the size of the keys. Vaswani et al. 2017, eq. 1; sizes are bridged as in `projection`."""

    def __init__(self, query_dim: int, key_dim: int, *, project: Project = "when_needed") -> None:
        super().__init__()
        self.query = query_projection(query_dim, key_dim, project)
        self.scale = key_dim**-0.5

    def forward(
        self, query: Float[Tensor, "batch query query_dim"], memory: Memory
    ) -> Float[Tensor, "batch query memory"]:
        """Scores."""
        return torch.bmm(self.query(query) * self.scale, memory.keys.transpose(1, 2))
