"""Sparse attention between softmax and sparsemax."""

import entmax
from jaxtyping import Float
from torch import Tensor

from attnbench.attention.core import Alignment, Selection
from attnbench.attention.selection.finite import finite


class Entmax15(Selection):
    """α_i = max(e_i / 2 - τ, 0)²: α-entmax at α = 1.5. Peters, Niculae & Martins 2019, §3.

    The threshold τ makes the weights sum to 1; positions that score more than 2 below the best get exactly 0.
    """

    def forward(self, scores: Float[Tensor, "batch query memory"]) -> Alignment:
        """Weights, reckoned in float32 at least; nothing is drawn."""
        return Alignment(entmax.entmax15(finite(scores), dim=-1).to(scores.dtype))
