"""Soft attention."""

import torch
from jaxtyping import Float
from torch import Tensor

from attnbench.attention.core import Alignment, Selection
from attnbench.attention.selection.refusal import check_temperature


class Softmax(Selection):
    """α_i = exp(e_i / τ) / Σ_j exp(e_j / τ). At τ = 1 Bahdanau et al. 2015, eq. 6; the soft attention of Xu et al. 2015, §4.2.

    A `temperature` τ below 1 sharpens, one above 1 flattens; Xu et al.'s code has the same option.
    """

    def __init__(self, *, temperature: float = 1.0) -> None:
        super().__init__()
        check_temperature(temperature)
        self.temperature = temperature

    def forward(self, scores: Float[Tensor, "batch query memory"]) -> Alignment:
        """Weights; nothing is drawn."""
        return Alignment(torch.softmax(scores / self.temperature, dim=-1))
