"""The difference between two mechanisms over the same seeds and the same test examples.

Model, a two-way layout with random effects (Clark 1973; Baayen, Davidson & Bates 2008): the difference of seed s on example i is

    d(s, i) = δ + S(s) + E(i) + R(s, i)

S: what a seed does to all examples; E: what an example does under all seeds; R: the rest. The mean over n seeds and N
examples has variance var(S)/n + var(R)/(n N) + var(E)/N. The first two are the variance of the seeds' differences over n; the
third is the mean covariance of two seeds' differences over examples, over N. The interval is for new seeds and new examples
(cochran.py). Without examples it is Student's over seeds, for this very test set.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from attnbench.benchmarks.statistics.cochran import Errors, half_width, two_sided
from attnbench.benchmarks.statistics.student import ALPHA, Interval


class Difference(NamedTuple):
    """A difference of means, with the standard errors of its parts. `p` is two-sided.

    Interval and p are None where nothing tells of the error: one seed without examples. The interval is None too where all seeds
    have the very same difference.
    """

    value: float
    seeds: int
    examples: int | None  # None: from seeds alone
    seed_error: float | None  # √(s²(d) / n), None for one seed
    example_error: float  # √(var(E) / N), 0 where examples are not known
    interval: Interval | None
    p: float | None


def difference(by_seed: Sequence[float], examples: Float[ndarray, "seeds examples"] | None = None) -> Difference:
    """The mean of the seeds' differences with its 95 % interval and p-value.

    `examples` holds the difference on every example (for a corpus measure of the pseudo-values). One seed tells of two trained
    models only: its interval and p-value are those of new examples, t(N - 1).
    """
    found = np.asarray(by_seed, dtype=float)
    value, number = float(found.mean()), len(found)
    seed_error = math.sqrt(float(found.var(ddof=1)) / number) if number > 1 else None
    example_error = 0.0 if examples is None else math.sqrt(shared_variance(examples) / examples.shape[1])
    count = None if examples is None else examples.shape[1]
    errors = Errors(seed_error or 0.0, max(number - 1, 1), example_error, max((count or 2) - 1, 1))
    if number == 1 and examples is None:
        return Difference(value, number, count, None, 0.0, None, None)
    if errors.a == errors.b == 0:
        return Difference(value, number, count, seed_error, 0.0, None, signs_alone(value, number))
    half = half_width(ALPHA, errors)
    interval = Interval(value - half, value + half)
    return Difference(value, number, count, seed_error, example_error, interval, two_sided(value, errors))


def shared_variance(examples: Float[ndarray, "seeds examples"]) -> float:
    """The variance over examples that seeds share: the mean covariance of two different seeds; of one seed its variance.

    Σ of all covariances = n² var(mean over seeds), of which the seeds' own variances are not shared. Never below 0.
    """
    number = len(examples)
    of_mean = float(examples.mean(axis=0).var(ddof=1))
    if number == 1:
        return of_mean
    own = float(examples.var(axis=1, ddof=1).sum())
    return max(0.0, (number**2 * of_mean - own) / (number * (number - 1)))


def signs_alone(value: float, seeds: int) -> float:
    """The p-value where all seeds have the very same difference, so that its spread is no guide: the sign test's, 2 / 2ⁿ."""
    return 1.0 if value == 0 or seeds == 1 else 2.0 ** (1 - seeds)
