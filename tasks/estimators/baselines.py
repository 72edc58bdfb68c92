"""What a reward is held against: the less of it is left to chance, the less the gradient estimate varies.

No baseline may depend on the draw that it judges, or the estimate is biased.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

LONGEST = 512  # symbols told apart by the moving average; longer rewards share its last entry


class Drawn(NamedTuple):
    """The rewards of several passes over one batch at one place of attention, and what a baseline may look at besides."""

    rewards: Float[Tensor, "sample batch query"]
    symbols: Int[Tensor, "batch query"]  # how many each reward speaks of, 0 for a query that does not count
    greedy: Callable[[], Float[Tensor, "batch query"]]  # the rewards of a pass that takes the likeliest positions
    queries: Float[Tensor, "sample batch query state"] | None  # what attention was asked with, where it was listened to


class Baseline(nn.Module, ABC):
    """An expectation of each reward."""

    listens = False  # whether it wants to know what attention was asked with

    @abstractmethod
    def forward(self, drawn: Drawn) -> Float[Tensor, "sample batch query"]:
        """The baseline of each reward; in training it then learns from them."""

    def loss(self) -> Float[Tensor, ""] | None:
        """What trains the baseline itself, for the rewards last seen; None where nothing does."""
        return None


class NoBaseline(Baseline):
    """b = 0."""

    def forward(self, drawn: Drawn) -> Float[Tensor, "sample batch query"]:
        """Zeros."""
        return torch.zeros_like(drawn.rewards)


class MovingAverage(Baseline):
    """b_n ← 0.9 b_n + 0.1 mean R over earlier batches. Xu et al. 2015, eq. 12.

    An average for each number n of symbols that a reward speaks of: rewards of many symbols are larger. The first rewards of
    a kind are held against their own mean.
    """

    average: Tensor
    batches: Tensor

    def __init__(self, decay: float) -> None:
        super().__init__()
        if not 0 <= decay < 1:
            raise ValueError(f"baseline_decay={decay}: must be at least 0 and below 1")
        self.decay = decay
        self.register_buffer("average", torch.zeros(LONGEST + 1))
        self.register_buffer("batches", torch.zeros(LONGEST + 1, dtype=torch.long))

    def forward(self, drawn: Drawn) -> Float[Tensor, "sample batch query"]:
        """The averages before this batch."""
        kinds = drawn.symbols.clamp(max=LONGEST)
        flat = kinds.expand_as(drawn.rewards).flatten()
        counts = torch.zeros_like(self.average).index_add_(0, flat, torch.ones_like(flat, dtype=self.average.dtype))
        sums = torch.zeros_like(self.average).index_add_(0, flat, drawn.rewards.flatten().to(self.average.dtype))
        means = sums / counts.clamp(min=1)
        before = torch.where(self.batches == 0, means, self.average)
        if self.training:
            met = counts > 0
            self.average.copy_(torch.where(met, self.decay * before + (1 - self.decay) * means, self.average))
            self.batches += met
        return before[kinds].expand_as(drawn.rewards)


class SelfCritical(Baseline):
    """b = the reward of the likeliest positions, by a pass of its own. Rennie et al. 2017, §3, there for words."""

    def forward(self, drawn: Drawn) -> Float[Tensor, "sample batch query"]:
        """The greedy pass's rewards."""
        return drawn.greedy().expand_as(drawn.rewards)


class LeaveOneOut(Baseline):
    """b_k = mean of the other samples' rewards for the same example. Kool et al. 2019, eq. 8; Mnih & Rezende 2016, §2.4."""

    def forward(self, drawn: Drawn) -> Float[Tensor, "sample batch query"]:
        """Each sample's mean of the others."""
        return (drawn.rewards.sum(dim=0) - drawn.rewards) / (drawn.rewards.shape[0] - 1)


class Learned(Baseline):
    """b = μ + σ f(q), f a layer of its own on the query, trained by squared error. Mnih & Gregor 2014, §2.3.1.

    μ and σ are the moving mean and deviation of rewards that speak of as many symbols. The query is read without gradient: the
    baseline never trains the model.
    """

    listens = True

    def __init__(self, decay: float, query_dim: int, *, hidden_dim: int = 64) -> None:
        super().__init__()
        self.mean, self.square = MovingAverage(decay), MovingAverage(decay)
        last = nn.Linear(hidden_dim, 1)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.value = nn.Sequential(nn.Linear(query_dim, hidden_dim), nn.Tanh(), last)
        self.error: Tensor | None = None

    def forward(self, drawn: Drawn) -> Float[Tensor, "sample batch query"]:
        """The expected rewards; their error is kept for `loss`."""
        assert drawn.queries is not None
        mean = self.mean(drawn)
        deviation = (self.square(drawn._replace(rewards=(drawn.rewards - mean) ** 2))).sqrt().clamp(min=1e-3)
        standard = self.value(drawn.queries.float()).squeeze(-1)
        error = (standard - (drawn.rewards - mean) / deviation) ** 2
        counted = (drawn.symbols > 0).expand_as(error)
        self.error = error[counted].mean() if self.training else None
        return mean + deviation * standard.detach()

    def loss(self) -> Float[Tensor, ""] | None:
        """The mean squared error in standard deviations."""
        error, self.error = self.error, None
        return error
