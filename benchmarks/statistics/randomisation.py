"""Approximate randomisation: could it be chance which of two mechanisms said what?

On every example the outputs of two mechanisms are swapped or not, in all seeds together, and the difference is measured anew
(Noreen 1989; Riezler & Maxwell 2005; sacrebleu's paired test does it for two outputs). It asks of these trained models, on
examples such as these; of what other seeds would do it knows nothing.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from attnbench.benchmarks.statistics.corpus import Sample

TRIALS = 10_000
SEED = 12345
AT_ONCE = 4_000_000  # swaps held in memory
NEAR = 1e-9  # differences nearer than this share are the same: sums are rounded


def randomisation(samples: Mapping[str, Sequence[Sample]], trials: int = TRIALS) -> dict[tuple[str, str], float]:
    """The two-sided p-value of every pair of mechanisms, whose samples are of the same seeds, in order, and the same examples.

    p = (1 + how many trials differ by as much or more) / (1 + trials), which is never too small (Edgington 1969). The same
    swaps serve all pairs.
    """
    rng = np.random.default_rng(SEED)
    number = len(next(iter(samples.values()))[0].counts)
    step = max(1, AT_ONCE // number)
    exceeded = dict.fromkeys(combinations(samples, 2), 0)
    for start in range(0, trials, step):
        swaps = rng.integers(2, size=(min(step, trials - start), number)).astype(bool)
        for pair, differences in swapped(samples, swaps).items():
            observed = abs(mean_difference(samples[pair[0]], samples[pair[1]]))
            exceeded[pair] += int((np.abs(differences) >= observed * (1 - NEAR) - NEAR**2).sum())
    return {pair: (1 + count) / (1 + trials) for pair, count in exceeded.items()}


def mean_difference(first: Sequence[Sample], second: Sequence[Sample]) -> float:
    """The difference of the means over seeds."""
    return float(np.mean([one.value - other.value for one, other in zip(first, second, strict=True)]))


def swapped(
    samples: Mapping[str, Sequence[Sample]], swaps: Bool[ndarray, "trials examples"]
) -> dict[tuple[str, str], Float[ndarray, " trials"]]:
    """The mean difference of every pair once the marked examples are swapped."""
    chosen = swaps.astype(float)
    taken = {name: [chosen @ sample.counts for sample in found] for name, found in samples.items()}
    total = {name: [sample.counts.sum(axis=0) for sample in found] for name, found in samples.items()}
    made = {}
    for one, other in combinations(samples, 2):
        seeds = zip(samples[one], taken[one], taken[other], total[one], total[other], strict=True)
        differences = [
            sample.score(own - gone + come) - sample.score(theirs - come + gone)
            for sample, gone, come, own, theirs in seeds
        ]
        made[one, other] = np.mean(differences, axis=0)
    return made
