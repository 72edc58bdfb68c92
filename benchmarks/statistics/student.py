"""The interval of a mean over seeds."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

LEVEL = 0.95
ALPHA = 1 - LEVEL


class Interval(NamedTuple):
    """From `low` to `high`, in the units of what it is an interval of."""

    low: float
    high: float

    def flipped(self) -> "Interval":
        """The interval of the negated quantity."""
        return Interval(-self.high, -self.low)


def mean_interval(values: Sequence[float]) -> Interval | None:
    """95 % interval of the mean that new seeds would have; None for fewer than two values, whose spread is unknown.

    mean ± t(n - 1; 0.975) · s / √n (Student 1908), s the sample standard deviation. It holds for few seeds where their values
    are about normal: s is itself a guess from n values, which t allows for and 1.96 does not (for three seeds t is 4.30).
    """
    if len(values) < 2:
        return None
    found = np.asarray(values, dtype=float)
    half = float(stats.t.ppf((1 + LEVEL) / 2, len(values) - 1)) * float(found.std(ddof=1)) / math.sqrt(len(values))
    return Interval(float(found.mean()) - half, float(found.mean()) + half)
