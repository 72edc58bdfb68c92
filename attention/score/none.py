"""No score at all."""

from jaxtyping import Float
from torch import Tensor

from attnbench.attention.core import Memory, Score


class NoScore(Score):
    """e(q, k) = 0: every position fits equally well. What the `uniform` selection goes with; has no parameters."""

    def __init__(self, query_dim: int, key_dim: int) -> None:
        super().__init__()

    def forward(
        self, query: Float[Tensor, "batch query query_dim"], memory: Memory
    ) -> Float[Tensor, "batch query memory"]:
        """Zeros, broadcast without being stored."""
        return query.new_zeros(()).expand(query.shape[0], query.shape[1], memory.keys.shape[1])
