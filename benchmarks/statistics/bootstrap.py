"""Percentile intervals from drawing again, every draw from a stated seed."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from attnbench.benchmarks.statistics.student import ALPHA, Interval

DRAWS = 2000
SEED = 12345


def percentile(draws: Float[ndarray, " draws"]) -> Interval:
    """The middle 95 % of the draws (Efron & Tibshirani 1993, §13.3)."""
    low, high = np.quantile(draws, [ALPHA / 2, 1 - ALPHA / 2])
    return Interval(float(low), float(high))


def crossed(examples: Float[ndarray, "seeds examples"], rng: np.random.Generator, draws: int = DRAWS) -> Interval:
    """Of the mean when seeds and examples are drawn again, each by itself, as they are crossed (Owen 2007).

    Three seeds drawn again are often one seed thrice: the interval is too short where seeds are few. It gives no verdict here;
    the page on validity shows it beside what does.
    """
    of_seeds, of_examples = (times(number, rng, draws) / number for number in examples.shape)
    return percentile(np.einsum("ds,ds->d", of_seeds, of_examples @ examples.T))


def times(number: int, rng: np.random.Generator, draws: int = DRAWS) -> Float[ndarray, "draws number"]:
    """How often each of so many is drawn, in every draw of as many."""
    drawn = rng.integers(number, size=(draws, number)) + number * np.arange(draws)[:, None]
    return np.bincount(drawn.ravel(), minlength=draws * number).reshape(draws, number).astype(float)


def stratified(
    strata: Sequence[Float[ndarray, " runs"]], rng: np.random.Generator, draws: int = DRAWS
) -> list[Float[ndarray, "draws runs"]]:
    """Runs drawn again within each task: the bootstrap of Agarwal et al. 2021, §4."""
    return [runs[rng.integers(len(runs), size=(draws, len(runs)))] for runs in strata]
