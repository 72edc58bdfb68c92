"""What a search holds a sentence to be worth, by its likelihood, its length, and how much of what it read it looked at."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from attnbench.attention import Alignment

UNSEEN = torch.finfo(torch.float32).tiny  # what a position counts that no word looked at: log 0 ranks nothing


@dataclass(frozen=True, kw_only=True)
class Worth:
    """log p / ((5 + length) / 6)^length_penalty + coverage_penalty Σ_i log min(Σ_j α_ij, 1). Wu et al. 2016, eq. 14.

    i runs over the positions that may be looked at, j over the symbols said, the end symbol too; α_ij is the mean over the
    places of attention. A position of weight 0 counts log 10⁻³⁸ = -87.
    """

    length_penalty: float = 0.0
    coverage_penalty: float = 0.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not 0 <= value < math.inf:
                raise ValueError(f"{name}={value}: must be a number of at least 0, which is none")

    def __call__(
        self,
        log_prob: Float[Tensor, "batch beam"],
        length: int,
        looked: Float[Tensor, "batch beam memory"] | None,
        visible: Bool[Tensor, "batch memory"],
    ) -> Float[Tensor, "batch beam"]:
        """Of hypotheses of that length, which have `looked` so much at each position; it may be None where nothing asks."""
        worth = log_prob / self.divisor(length)
        if looked is None:
            return worth
        covered = looked.clamp(UNSEEN, 1.0).log().masked_fill(~visible.unsqueeze(1), 0.0)
        return worth + self.coverage_penalty * covered.sum(dim=-1)

    def bound(self, log_prob: Float[Tensor, "batch beam"], limit: int) -> Float[Tensor, "batch beam"]:
        """What no sentence of at most `limit` symbols that begins like this exceeds.

        log p only falls, the divisor only grows, and the coverage term grows with the sentence, but never above 0.
        """
        return log_prob / self.divisor(limit)

    def divisor(self, length: int) -> float:
        """What log p is divided by."""
        return ((5 + length) / 6) ** self.length_penalty


def mean_weights(places: Sequence[Alignment]) -> Float[Tensor, "batch query memory"]:
    """Where the queries looked, the mean over the places of attention."""
    return places[0].weights if len(places) == 1 else torch.stack([place.weights for place in places]).mean(dim=0)
