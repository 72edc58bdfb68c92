"""Local attention around a predicted position."""

import torch
from jaxtyping import Float
from torch import Tensor

from attnbench.attention.core import Memory, Score, ScoreFactory
from attnbench.attention.score.window import PredictedWindow


class LocalP(Score):
    """e_s = content(q, k_s) - (s - p)² / 2σ² where |s - p| ≤ D, else -inf; σ = D/2. Luong et al. 2015, eq. 9-10 (local-p).

    D is `half_width` and p comes from the query (see `PredictedWindow`); its gradient runs through the Gaussian.
    As a score, the Gaussian enters before normalisation: softmax makes of it α ∝ exp(content) · Gaussian, and weights sum
    to 1. The paper multiplies after normalisation, so that its weights sum to less than 1 and a query that predicts a
    place away from what it would look at sees less: that is `attention.damped`, the preset luong_local_p.
    """

    def __init__(self, query_dim: int, key_dim: int, *, content: ScoreFactory, half_width: int = 10) -> None:
        super().__init__()
        self.window = PredictedWindow(query_dim, half_width)
        self.content = content(query_dim, key_dim)
        self.reads_past = self.content.reads_past

    def prepare(self, keys: Float[Tensor, "batch memory key"]) -> Float[Tensor, "batch memory prepared"]:
        """What the content score needs of the keys."""
        return self.content.prepare(keys)

    def forward(
        self, query: Float[Tensor, "batch query query_dim"], memory: Memory
    ) -> Float[Tensor, "batch query memory"]:
        """Scores; the content score is told of the window as of a mask."""
        near, log_gaussian = self.window(query, memory)
        return (self.content(query, near) + log_gaussian).masked_fill(~near.mask, -torch.inf)
