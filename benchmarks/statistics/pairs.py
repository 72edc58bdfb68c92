"""All pairs of mechanisms on one measure: differences with intervals, corrected p-values, effect sizes and a verdict."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations
from typing import Literal

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from attnbench.benchmarks.statistics.corpus import Sample
from attnbench.benchmarks.statistics.difference import Difference, difference
from attnbench.benchmarks.statistics.effect import chance_above, hedges_g
from attnbench.benchmarks.statistics.holm import holm
from attnbench.benchmarks.statistics.randomisation import TRIALS, randomisation
from attnbench.benchmarks.statistics.student import ALPHA

FEWEST = 3  # seeds that a verdict takes: two values hardly tell how far values lie apart
Verdict = Literal["ahead", "behind", "not established"]


@dataclass(frozen=True)
class Measured:
    """One mechanism on one measure: its values by seed, and its test examples under the seeds where they are known."""

    values: Mapping[int, float]
    samples: Mapping[int, Sample]

    @cached_property
    def pseudo_values(self) -> Mapping[int, Float[ndarray, " examples"]]:
        """What each example adds, by seed."""
        return {seed: sample.pseudo_values() for seed, sample in self.samples.items()}


@dataclass(frozen=True)
class Pair:
    """Two mechanisms on one measure. Differences are first - second in the measure's own units, whichever is better."""

    first: str
    second: str
    difference: Difference
    corrected: float | None  # p by Holm over all pairs that are shown; None for one seed
    examples_p: float | None  # approximate randomisation: of these trained models alone
    effect: float | None  # Hedges' g over seeds
    chance: float  # that a seed of the first has the better value than one of the second
    verdict: Verdict  # of the first

    @property
    def established(self) -> bool:
        """Whether one of the two is established to be ahead."""
        return self.verdict != "not established"

    def turned(self) -> "Pair":
        """The same pair seen from the second mechanism."""
        found = self.difference
        interval = None if found.interval is None else found.interval.flipped()
        verdicts: dict[Verdict, Verdict] = {"ahead": "behind", "behind": "ahead"}
        return replace(
            self,
            first=self.second,
            second=self.first,
            difference=found._replace(value=-found.value, interval=interval),
            effect=None if self.effect is None else -self.effect,
            chance=1 - self.chance,
            verdict=verdicts.get(self.verdict, "not established"),
        )


def pairs(found: Mapping[str, Measured], *, higher_is_better: bool, trials: int = TRIALS) -> list[Pair]:
    """Every pair of mechanisms that share a seed, in the order given, corrected as one family by Holm.

    A verdict other than `not established` takes at least three seeds and a corrected p of at most 0.05. A pair with one seed in
    common tells about two trained models; it is in no family. `trials` of approximate randomisation, none for 0.
    """
    named = [(one, other, shared(found[one], found[other])) for one, other in combinations(found, 2)]
    named = [(one, other, seeds) for one, other, seeds in named if seeds]
    differences = [differing(found[one], found[other], seeds) for one, other, seeds in named]
    family = [index for index, made in enumerate(differences) if made.seeds > 1 and made.p is not None]
    corrected = dict(zip(family, holm([differences[index].p or 0.0 for index in family]), strict=True))
    swaps = randomised(found, trials) if trials else {}
    return [
        pair(found, one, other, seeds, differences[index], corrected.get(index), swaps, higher=higher_is_better)
        for index, (one, other, seeds) in enumerate(named)
    ]


def shared(one: Measured, other: Measured) -> list[int]:
    """The seeds that both have."""
    return sorted(set(one.values) & set(other.values))


def differing(one: Measured, other: Measured, seeds: Sequence[int]) -> Difference:
    """The difference over these seeds, with examples where both have the same ones under all of them."""
    by_seed = [one.values[seed] - other.values[seed] for seed in seeds]
    if not paired([one, other], seeds):
        return difference(by_seed)
    columns = [one.pseudo_values[seed] - other.pseudo_values[seed] for seed in seeds]
    return difference(by_seed, np.stack(columns))


def paired(found: Sequence[Measured], seeds: Sequence[int]) -> bool:
    """Whether the examples of all these are known, and are the same."""
    samples = [one.samples.get(seed) for one in found for seed in seeds]
    return len({None if s is None else (s.examples, s.counts.shape) for s in samples}) == 1 and None not in samples


def randomised(found: Mapping[str, Measured], trials: int) -> dict[tuple[str, str], float]:
    """Approximate randomisation of all mechanisms at once over the seeds that all share; empty where examples are not known."""
    seeds = sorted(set.intersection(*(set(one.values) for one in found.values()))) if found else []
    if len(found) < 2 or not seeds or not paired(list(found.values()), seeds):
        return {}
    return randomisation({name: [one.samples[seed] for seed in seeds] for name, one in found.items()}, trials)


def pair(
    found: Mapping[str, Measured],
    one: str,
    other: str,
    seeds: Sequence[int],
    made: Difference,
    corrected: float | None,
    swaps: Mapping[tuple[str, str], float],
    *,
    higher: bool,
) -> Pair:
    """The pair with its verdict."""
    first, second = ([found[name].values[seed] for seed in seeds] for name in (one, other))
    better = chance_above(first, second) if higher else chance_above(second, first)
    verdict: Verdict = "not established"
    if corrected is not None and corrected <= ALPHA and made.seeds >= FEWEST:
        verdict = "ahead" if (made.value > 0) == higher else "behind"
    return Pair(one, other, made, corrected, swaps.get((one, other)), hedges_g(first, second), better, verdict)
