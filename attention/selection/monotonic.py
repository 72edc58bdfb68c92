"""Attention that moves on and never back."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from attnbench.attention.core import Alignment, Past, Score, Selection
from attnbench.attention.selection.refusal import refuse_no_score


class Monotonic(Selection):
    """p_j = σ(e_j + r); the head reads on from where the last query stopped and stops at j with p_j. Raffel et al. 2017.

    In training α is the expectation over where it stops, eq. 9: α_j = p_j q_j, q_j = (1 - p_{j-1}) q_{j-1} + α'_j (eq. 13-14),
    α' the last query's; Gaussian noise of deviation `noise` on e + r drives p towards 0 or 1. Otherwise the head stops at the
    first p_j ≥ 1/2 (§2.2). Weights sum to 1 less the probability to run off the end, where all later queries stay too.
    The first query starts at the beginning; masked positions have p = 0 and are passed over.

    r is learned; `offset` is its start. The paper starts it below 0: at p = 1/2 the head gets past j positions with 2^-j, and far
    memory would pass no gradient. From -2 it gets past 8 positions with 0.36; the longer the memory, the lower.
    """

    reads_past = True

    def __init__(self, *, offset: float = -2.0, noise: float = 1.0) -> None:
        super().__init__()
        if not noise >= 0:
            raise ValueError(f"noise={noise}: must be 0 or more")
        self.offset = nn.Parameter(torch.tensor(offset))
        self.noise = noise

    def forward(self, scores: Float[Tensor, "batch query memory"]) -> Alignment:
        """Weights of queries that each come first."""
        return self.follow(scores, Past.none(scores[:, 0]))

    def follow(self, scores: Float[Tensor, "batch query memory"], past: Past) -> Alignment:
        """Weights of a query that comes after `past`: expected in training, one-hot or zero otherwise."""
        seen = scores != -torch.inf
        exact = scores.to(torch.promote_types(scores.dtype, torch.float32)).masked_fill(~seen, 0.0) + self.offset
        beginning = functional.one_hot(torch.zeros_like(past.asked), scores.shape[-1]).to(exact.dtype)
        last = torch.where(past.asked.unsqueeze(-1) == 0, beginning, past.last.to(exact.dtype)).unsqueeze(1)
        if not self.training:
            return Alignment(first_stop(exact, seen, last).to(scores.dtype))
        return Alignment(expected(exact + self.noise * torch.randn_like(exact), seen, last).to(scores.dtype))

    def check(self, score: Score) -> None:
        """Raises ValueError if the score is `none`, which leaves nothing to stop by."""
        refuse_no_score("monotonic", score)


def first_stop(energy: Tensor, seen: Tensor, last: Tensor) -> Float[Tensor, "batch query memory"]:
    """1 at the first visible position, from the last query's on, whose energy is not negative: p ≥ 1/2."""
    stops = seen & (energy >= 0) & (last.cumsum(dim=-1) > 0.5)
    return (stops & (stops.cumsum(dim=-1) == 1)).to(energy.dtype)


def expected(energy: Tensor, seen: Tensor, last: Tensor) -> Float[Tensor, "batch query memory"]:
    """α_j = p_j Σ_{k≤j} α'_k Π_{k≤l<j} (1 - p_l), for all j at once.

    The paper divides by the products (appendix C.1), which vanish; here both stay logarithms, that of a share of 0 a finite
    one, too small to count, so that no gradient rests on differences of infinities.
    """
    stay = functional.logsigmoid(-energy).masked_fill(~seen, 0.0)
    gone = stay.cumsum(dim=-1) - stay  # log Π_{l<j} (1 - p_l)
    there = last > 0
    started = torch.where(there, last.masked_fill(~there, 1.0).log() - gone, -1e4)
    return torch.sigmoid(energy).masked_fill(~seen, 0.0) * (gone + started.logcumsumexp(dim=-1)).exp()
