"""Attention without a query."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from attnbench.attention.core import Memory, Score


class FeedForward(Score):
    """e(k) = tanh(wᵀ k + b): how much a position matters, whatever is asked. Raffel & Ellis 2015, a(h_t) of §2.

    All is done when the memory is prepared. As in the paper, tanh keeps scores within ±1, so that softmax gives no position
    more than e² times the weight of another.
    """

    def __init__(self, query_dim: int, key_dim: int) -> None:
        super().__init__()
        self.key = nn.Linear(key_dim, 1)

    def prepare(self, keys: Float[Tensor, "batch memory key"]) -> Float[Tensor, "batch memory prepared"]:
        """The scores, of size 1."""
        return torch.tanh(self.key(keys))

    def forward(
        self, query: Float[Tensor, "batch query query_dim"], memory: Memory
    ) -> Float[Tensor, "batch query memory"]:
        """The same scores for every query, broadcast without being stored."""
        return memory.keys.transpose(1, 2).expand(-1, query.shape[1], -1)
