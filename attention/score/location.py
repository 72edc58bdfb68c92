"""Attention by location."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from attnbench.attention.core import Memory, Score


class Location(Score):
    """e_i(q) = w_iᵀ q with one learned w_i for each of `longest` positions: no key is read. Luong et al. 2015, eq. 8 (location).

    As in the paper's footnote 6, a shorter memory uses the first w_i, and positions beyond `longest` are out of reach.
    """

    def __init__(self, query_dim: int, key_dim: int, *, longest: int = 200) -> None:
        super().__init__()
        if longest < 1:
            raise ValueError(f"longest={longest}: must be at least 1")
        self.position = nn.Linear(query_dim, longest, bias=False)

    def forward(
        self, query: Float[Tensor, "batch query query_dim"], memory: Memory
    ) -> Float[Tensor, "batch query memory"]:
        """Scores; -inf from position `longest` on."""
        length = memory.keys.shape[1]
        scores = functional.linear(query, self.position.weight[:length])
        return functional.pad(scores, (0, length - scores.shape[-1]), value=-torch.inf)
