"""Attention drawn with a gradient of its own: Gumbel-softmax."""

import torch
from jaxtyping import Float
from torch import Tensor

from attnbench.attention.core import Alignment, Score, Selection
from attnbench.attention.selection.refusal import check_temperature, refuse_no_score


class Gumbel(Selection):
    """α = softmax((e + g) / τ), g_i ~ Gumbel(0, 1). Jang et al. 2017, §2; Maddison et al. 2017, §3 (the concrete distribution).

    Relaxed, weights are these shares, and evaluation leaves the noise out: softmax(e / τ). With `straight_through` they are
    one-hot at the largest share, a draw from softmax(e) whatever τ, and pass the gradient of the shares (Jang et al. 2017,
    §2.2); evaluation looks at the likeliest position. Either way the gradient runs through the weights: there is no
    log-probability for an estimator to train by, nor an entropy, which an estimator would reward.
    """

    def __init__(self, *, straight_through: bool, temperature: float = 1.0) -> None:
        super().__init__()
        check_temperature(temperature)
        self.straight_through = straight_through
        self.temperature = temperature

    def forward(self, scores: Float[Tensor, "batch query memory"]) -> Alignment:
        """Weights: noisy in training, of the scores alone otherwise."""
        exact = scores.to(torch.promote_types(scores.dtype, torch.float32))
        if self.training:
            exact = exact + self.noise(exact)
        shares = torch.softmax(exact / self.temperature, dim=-1)
        if not self.straight_through:
            return Alignment(shares.to(scores.dtype))
        chosen = torch.zeros_like(shares).scatter_(-1, exact.argmax(dim=-1, keepdim=True), 1.0)
        # The difference is 0 exactly, so that weights stay one-hot; its gradient is that of the shares.
        return Alignment((chosen + (shares - shares.detach()) if self.training else chosen).to(scores.dtype))

    @staticmethod
    def noise(like: Float[Tensor, "batch query memory"]) -> Float[Tensor, "batch query memory"]:
        """Standard Gumbel noise; finite also where the exponential draw underflows to 0."""
        return -torch.empty_like(like).exponential_().clamp_min(torch.finfo(like.dtype).tiny).log()

    def check(self, score: Score) -> None:
        """Raises ValueError if the score is `none`, which leaves nothing to choose by."""
        refuse_no_score("gumbel", score)
