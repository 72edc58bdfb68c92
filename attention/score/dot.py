"""Dot-product attention, plain."""

import torch
from jaxtyping import Float
from torch import Tensor

from attnbench.attention.core import Memory, Score
from attnbench.attention.score.projection import Project, query_projection


class Dot(Score):
    """e(q, k) = qᵀ k. Luong et al. 2015, §3.1 (dot). Parameter-free where query and key sizes agree; see `projection`."""

    def __init__(self, query_dim: int, key_dim: int, *, project: Project = "when_needed") -> None:
        super().__init__()
        self.query = query_projection(query_dim, key_dim, project)

    def forward(
        self, query: Float[Tensor, "batch query query_dim"], memory: Memory
    ) -> Float[Tensor, "batch query memory"]:
        """Scores."""
        return torch.bmm(self.query(query), memory.keys.transpose(1, 2))
