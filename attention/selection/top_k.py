"""Attention to the few best."""

import torch
from jaxtyping import Float
from torch import Tensor

from attnbench.attention.core import Alignment, Score, Selection
from attnbench.attention.selection.refusal import refuse_no_score


class TopK(Selection):
    """α = softmax(e) over the k largest scores, exactly 0 elsewhere. The explicit sparse transformer of Zhao et al. 2019.

    Where fewer than k may be seen, all of them are kept. Ties at the k-th place go to the earlier position, so that never
    more than k are kept; the paper keeps all that tie.
    """

    def __init__(self, *, k: int) -> None:
        super().__init__()
        if k < 1:
            raise ValueError(f"k={k}: must be at least 1")
        self.k = k

    def forward(self, scores: Float[Tensor, "batch query memory"]) -> Alignment:
        """Weights; nothing is drawn."""
        order = scores.detach().sort(dim=-1, descending=True, stable=True).indices
        dropped = torch.ones_like(scores, dtype=torch.bool).scatter_(-1, order[..., : self.k], False)
        return Alignment(torch.softmax(scores.masked_fill(dropped, -torch.inf), dim=-1))

    def check(self, score: Score) -> None:
        """Raises ValueError if the score is `none`, which leaves nothing to choose by."""
        refuse_no_score("top_k", score)
