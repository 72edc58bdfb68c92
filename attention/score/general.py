"""Bilinear attention."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from attnbench.attention.core import Memory, Score


class General(Score):
    """e(q, k) = qᵀ W k. Luong et al. 2015, §3.1 (general); the bilinear term of Chen et al. 2016, eq. 4.

    W is applied to the query: one product of query size × key size a query, none a memory position.
    """

    def __init__(self, query_dim: int, key_dim: int) -> None:
        super().__init__()
        self.query = nn.Linear(query_dim, key_dim, bias=False)

    def forward(
        self, query: Float[Tensor, "batch query query_dim"], memory: Memory
    ) -> Float[Tensor, "batch query memory"]:
        """Scores."""
        return torch.bmm(self.query(query), memory.keys.transpose(1, 2))
