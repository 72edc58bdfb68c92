"""Cosine attention with a learned sharpness."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from attnbench.attention.core import Memory, Score
from attnbench.attention.score.projection import Project, query_projection

SHORTEST = 1e-6  # a vector below this length has no direction: its cosine goes to 0, and its gradient stays finite


class Cosine(Score):
    """e(q, k) = β qᵀ k / (|q| |k|), β > 0. Graves et al. 2014 (Neural Turing Machines), eq. 5-6.

    There the controller says β for every question; here β = exp(b) is one learned number that starts at `sharpness`. Without it
    no position could outweigh another by more than e². Sizes are bridged as in `projection`; keys are made unit length
    once a memory. Directions are kept in float32 at least, because β multiplies what bfloat16 rounds off.
    """

    def __init__(
        self, query_dim: int, key_dim: int, *, sharpness: float = 10.0, project: Project = "when_needed"
    ) -> None:
        super().__init__()
        if not 0 < sharpness < math.inf:
            raise ValueError(f"sharpness={sharpness}: must be a positive number")
        self.query = query_projection(query_dim, key_dim, project)
        self.log_sharpness = nn.Parameter(torch.tensor(math.log(sharpness)))

    def prepare(self, keys: Float[Tensor, "batch memory key"]) -> Float[Tensor, "batch memory prepared"]:
        """The keys' directions."""
        return direction(keys)

    def forward(
        self, query: Float[Tensor, "batch query query_dim"], memory: Memory
    ) -> Float[Tensor, "batch query memory"]:
        """Scores between -β and β."""
        cosines = torch.bmm(direction(self.query(query)), memory.keys.transpose(1, 2))
        return cosines * self.log_sharpness.exp()


def direction(vectors: Float[Tensor, "batch position size"]) -> Float[Tensor, "batch position size"]:
    """The vectors at unit length."""
    exact = vectors.to(torch.promote_types(vectors.dtype, torch.float32))
    return functional.normalize(exact, dim=-1, eps=SHORTEST)
