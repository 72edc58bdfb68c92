"""Soft attention."""

import torch
from jaxtyping import Float
from torch import Tensor

from attnbench.attention.core import Alignment, Selection


class Softmax(Selection):
    """α_i = exp(e_i) / Σ_j exp(e_j). Bahdanau et al. 2015, eq. 6; the soft attention of Xu et al. 2015, §4.2."""

    def forward(self, scores: Float[Tensor, "batch query memory"]) -> Alignment:
        """Weights; nothing is drawn."""
        return Alignment(torch.softmax(scores, dim=-1))
