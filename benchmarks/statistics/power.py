"""How many seeds it takes to establish a difference.

With seeds' differences of standard deviation σ and an error of examples e that more seeds do not make smaller, n seeds
establish δ where |d| exceeds the interval's half-width at the corrected level. The chance of that, for d of mean δ and variance
σ²/n + e² and s² of σ² χ²(n - 1) / (n - 1), is a sum over the values that s may have: the power of Student's t (Cohen 1988, ch. 2)
where e is 0, and of the same rule that gives verdicts where it is not.
"""

import math

import numpy as np
from scipy import stats

from attnbench.benchmarks.statistics.cochran import Errors, half_widths
from attnbench.benchmarks.statistics.pairs import FEWEST
from attnbench.benchmarks.statistics.student import ALPHA

PROMISED = 0.8
MOST = 1000  # seeds beyond which nobody goes
STEPS = 1000  # values of s that are summed over
MANY = 10**6  # degrees of freedom of what is as good as known


def power(effect: float, seeds: int, spread: float, example_error: float = 0.0, *, tests: int = 1) -> float:
    """The chance that `seeds` seeds establish a true difference of `effect`, given σ, e and how many pairs are tested.

    Holm's strictest step, 0.05 / tests, is what the pair has to pass at most.
    """
    if spread == example_error == 0:
        return float(effect != 0)
    free, error = seeds - 1, spread / math.sqrt(seeds)
    drawn = np.sqrt(stats.chi2.ppf((np.arange(STEPS) + 0.5) / STEPS, free) / free) * error
    halves = half_widths(ALPHA / tests, drawn, Errors(error, free, example_error, MANY))
    true = math.hypot(error, example_error)
    reached = stats.norm.sf((halves - effect) / true) + stats.norm.sf((halves + effect) / true)
    return float(reached.mean())


def seeds_needed(effect: float, spread: float, example_error: float = 0.0, *, tests: int = 1) -> int | None:
    """The fewest seeds, at least 3, whose power is 0.8; None where 1000 are too few: the test set is too small for the effect."""
    if power(effect, MOST, spread, example_error, tests=tests) < PROMISED:
        return None
    few, enough = FEWEST - 1, FEWEST
    while power(effect, enough, spread, example_error, tests=tests) < PROMISED:
        few, enough = enough, min(MOST, 2 * enough)
    while enough - few > 1:
        middle = (few + enough) // 2
        if power(effect, middle, spread, example_error, tests=tests) < PROMISED:
            few = middle
        else:
            enough = middle
    return enough
