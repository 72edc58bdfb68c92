"""Additive attention."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from attnbench.attention.core import Memory, Score


class Additive(Score):
    """e(q, k) = vᵀ tanh(W q + U k). Bahdanau et al. 2015, appendix A.1.2.

    U k does not depend on the query and is computed once a memory. The paper starts v at zero; here it is drawn from
    U(±1/√hidden_dim), because from zero the projections get no gradient at the first step.
    """

    def __init__(self, query_dim: int, key_dim: int, *, hidden_dim: int) -> None:
        super().__init__()
        if hidden_dim < 1:
            raise ValueError(f"hidden_dim={hidden_dim}: must be at least 1")
        self.query = nn.Linear(query_dim, hidden_dim, bias=False)
        self.key = nn.Linear(key_dim, hidden_dim, bias=False)
        self.energy = nn.Linear(hidden_dim, 1, bias=False)

    def prepare(self, keys: Float[Tensor, "batch memory key"]) -> Float[Tensor, "batch memory prepared"]:
        """U k, of size hidden_dim."""
        return self.key(keys)

    def forward(
        self, query: Float[Tensor, "batch query query_dim"], memory: Memory
    ) -> Float[Tensor, "batch query memory"]:
        """Scores; holds a tensor of batch × query × memory × hidden_dim for the backward pass."""
        hidden = torch.tanh(self.query(query).unsqueeze(2) + memory.keys.unsqueeze(1))
        return self.energy(hidden).squeeze(-1)
