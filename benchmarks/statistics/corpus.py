"""One form for every measure: a function of the sum of what each example counts for.

A mean is the sum of values over their number; BLEU is a function of summed counts of n-grams and lengths; TER is edits over
words. From this form follow what leaving out, swapping or drawing examples again does to the measure, without asking a metric.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy import ndarray

Scorer = Callable[[Float[ndarray, "*any parts"]], Float[ndarray, "*any"]]


class Sample(NamedTuple):
    """One run's test examples on one measure: what each counts for, and the measure of a sum of such counts.

    `examples` tells which examples they are: two samples may be paired where it is the same.
    """

    counts: Float[ndarray, "examples parts"]
    score: Scorer
    examples: str = ""

    @property
    def value(self) -> float:
        """The measure of all examples."""
        return float(self.score(self.counts.sum(axis=0, keepdims=True))[0])

    def pseudo_values(self) -> Float[ndarray, " examples"]:
        """What each example adds: N θ - (N - 1) θ₋ᵢ, with θ₋ᵢ the measure without example i (Tukey 1958; Efron 1982, ch. 2).

        Of a mean these are the values themselves; of any smooth measure their variance over N is the measure's variance over
        test sets.
        """
        total, number = self.counts.sum(axis=0, keepdims=True), len(self.counts)
        return number * self.score(total) - (number - 1) * self.score(total - self.counts)


def mean_of(values: Sequence[float | None], examples: str = "") -> Sample:
    """The mean of one value an example; an example without a value counts in no mean."""
    found = np.array([[0.0, 0.0] if value is None else [value, 1.0] for value in values])
    return Sample(found.reshape(-1, 2), ratio, examples)


def ratio(sums: Float[ndarray, "*any 2"]) -> Float[ndarray, "*any"]:
    """The first part over the second; 0 where that is 0."""
    above, below = sums[..., 0], sums[..., 1]
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)
