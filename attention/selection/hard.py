"""Hard attention."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from attnbench.attention.core import Alignment, Score, Selection
from attnbench.attention.score.none import NoScore


class Hard(Selection):
    """s ~ Categorical(softmax(e)), α = onehot(s). Xu et al. 2015, §4.1, eq. 8-9; at evaluation s = argmax e.

    The draw passes no gradient; the returned log-probability of the draw and the entropy of the distribution (nats) do, and
    an estimator trains the scores with them (REINFORCE, `attnbench.tasks.estimators`).
    """

    def forward(self, scores: Float[Tensor, "batch query memory"]) -> Alignment:
        """One-hot weights: a draw in training, the likeliest position otherwise."""
        log_probs = torch.log_softmax(scores.float() if scores.dtype != torch.float64 else scores, dim=-1)
        chosen = self.draw(log_probs) if self.training else log_probs.argmax(dim=-1)
        weights = torch.zeros_like(scores).scatter_(-1, chosen.unsqueeze(-1), 1.0)
        log_prob = log_probs.gather(-1, chosen.unsqueeze(-1)).squeeze(-1) if self.training else None
        # p log p is 0 at p = 0; written so that its gradient is 0 there too instead of 0 · inf.
        entropy = -(log_probs.exp() * log_probs.masked_fill(log_probs == -torch.inf, 0.0)).sum(dim=-1)
        return Alignment(weights, log_prob, entropy)

    @staticmethod
    def draw(log_probs: Float[Tensor, "batch query memory"]) -> Int[Tensor, "batch query"]:
        """One position a query, by the Gumbel-max trick; a position of probability 0 is never drawn."""
        gumbel = -torch.empty_like(log_probs).exponential_().log()
        # Noise that underflows to 0 makes gumbel infinite, and -inf + inf would be NaN, which argmax takes for the largest.
        return (log_probs.detach() + gumbel).masked_fill(log_probs == -torch.inf, -torch.inf).argmax(dim=-1)

    def check(self, score: Score) -> None:
        """Raises ValueError if the score is `none`: all positions tie, so that evaluation would always look at the first."""
        if isinstance(score, NoScore):
            raise ValueError(
                "selection=hard chooses by scores and cannot go with score NoScore, which gives all positions the same; "
                "use attention=uniform, or another attention/score"
            )
