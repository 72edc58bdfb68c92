"""Sparse attention by projection."""

import entmax
from jaxtyping import Float
from torch import Tensor

from attnbench.attention.core import Alignment, Selection
from attnbench.attention.selection.finite import finite


class Sparsemax(Selection):
    """α = argmin_{p in the simplex} ‖p - e‖², i.e. α_i = max(e_i - τ, 0). Martins & Astudillo 2016, eq. 2 and proposition 1.

    The threshold τ makes the weights sum to 1; positions that score more than 1 below the best get exactly 0.
    """

    def forward(self, scores: Float[Tensor, "batch query memory"]) -> Alignment:
        """Weights, reckoned in float32 at least; nothing is drawn."""
        return Alignment(entmax.sparsemax(finite(scores), dim=-1).to(scores.dtype))
