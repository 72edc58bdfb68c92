"""Trials of the comparison on data whose truth is known, and the shares of them in which it does what it should."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import optimize, stats

from attnbench.benchmarks.statistics.bootstrap import crossed
from attnbench.benchmarks.statistics.difference import Difference
from attnbench.benchmarks.statistics.pairs import Pair, pairs
from attnbench.benchmarks.statistics.power import PROMISED, power, seeds_needed
from attnbench.benchmarks.statistics.simulated import World, drawn, mean_errors
from attnbench.benchmarks.statistics.student import ALPHA, Interval

FAMILY = 5  # mechanisms of a table
SHIFTS = {"accuracy": 0.2, "bleu": 0.12}  # planted effects, on the scale of log odds
DRAWS = 300  # of the bootstrap that is looked at


class Kept(NamedTuple):
    """Shares of trials, 0-1."""

    alone: float  # alike, and the pair is called different by its own p
    family: float  # alike, and any pair of a table has a verdict
    covered: float  # the interval holds the true difference
    promised: float  # power by the formula
    reached: float  # a true effect is established


class Asked(NamedTuple):
    """Seeds that were asked for an effect, the power that the formula promises, and the share of trials that establish it."""

    seeds: int
    promised: float
    reached: float


def generator(*what: object) -> np.random.Generator:
    """Draws that depend on what is simulated alone."""
    return np.random.default_rng(list(repr(what).encode()))


def trials_of(world: World, seeds: int, trials: int, effect: float) -> list[Pair]:
    """Two mechanisms, the first better by `effect`, with fresh seeds and examples in every trial."""
    rng = generator(world, seeds, effect)
    return [pairs(drawn(world, rng, seeds, effect=effect), higher_is_better=True, trials=0)[0] for _ in range(trials)]


def kept(world: World, seeds: int, trials: int) -> Kept:
    """All promises in one world."""
    alike = trials_of(world, seeds, trials, 0.0)
    effect = promised_effect(seeds, *mean_errors(world)) if world.measure == "mean" else SHIFTS[world.measure]
    planted = trials_of(world, seeds, trials, effect)
    found = [pair.difference for pair in planted]
    if world.measure == "mean":
        truth, errors = effect, mean_errors(world)
    else:  # what so many trials give on average
        truth, errors = share([one.value for one in found]), mean_square_errors(found)
    return Kept(
        share([(pair.difference.p or 0.0) <= ALPHA for pair in alike]),
        share([family_alarm(world, seeds, trial) for trial in range(trials // 4)]),
        share([holds(one.interval, truth) for one in found]),
        power(truth, seeds, *errors),
        share([pair.verdict == "ahead" for pair in planted]),
    )


def share(found: Sequence[float] | Sequence[bool]) -> float:
    """The mean."""
    return float(np.mean(found))


def holds(interval: Interval | None, truth: float) -> bool:
    """Whether the truth lies in the interval."""
    return interval is not None and interval.low <= truth <= interval.high


def family_alarm(world: World, seeds: int, trial: int) -> bool:
    """Whether any pair of a table of mechanisms that are all alike has a verdict."""
    made = drawn(world, generator(world, seeds, "family", trial), seeds, mechanisms=FAMILY)
    return any(pair.established for pair in pairs(made, higher_is_better=True, trials=0))


def promised_effect(seeds: int, spread: float, example_error: float) -> float:
    """The effect that so many seeds establish with the promised power."""
    most = 100 * (spread + example_error)
    return float(optimize.brentq(lambda e: power(e, seeds, spread, example_error) - PROMISED, 0.0, most))


def mean_square_errors(found: Sequence[Difference]) -> tuple[float, float]:
    """The standard deviation of a seed's difference and the error of examples, from the mean of their squares over trials."""
    seeds = [one.seeds * (one.seed_error or 0.0) ** 2 for one in found]
    return math.sqrt(share(seeds)), math.sqrt(share([one.example_error**2 for one in found]))


def asked(world: World, effect: float, trials: int) -> Asked:
    """What comes of running as many seeds as are asked for the effect."""
    seeds = seeds_needed(effect, *mean_errors(world)) or 0
    reached = [pair.verdict == "ahead" for pair in trials_of(world, seeds, trials, effect)]
    return Asked(seeds, power(effect, seeds, *mean_errors(world)), share(reached))


def coverage(world: World, seeds: int, trials: int) -> tuple[float, float, float]:
    """How often 95 % intervals hold the truth: this comparison's, Satterthwaite's, the crossed bootstrap's."""
    rng = generator(world, seeds, "methods")
    hits = []
    for _ in range(trials):
        made = drawn(world, rng, seeds)
        one, other = made.values()
        (pair,) = pairs(made, higher_is_better=True, trials=0)
        columns = np.stack([one.pseudo_values[seed] - other.pseudo_values[seed] for seed in one.values])
        tried = (pair.difference.interval, satterthwaite(pair.difference), crossed(columns, rng, DRAWS))
        hits.append([holds(interval, 0.0) for interval in tried])
    ours, theirs, drawn_again = np.mean(hits, axis=0)
    return float(ours), float(theirs), float(drawn_again)


def satterthwaite(found: Difference) -> Interval:
    """The usual interval of a sum of variances: Student's t with (a² + b²)² / (a⁴/(n - 1) + b⁴/(N - 1)) degrees of freedom."""
    a, b = (found.seed_error or 0.0) ** 2, found.example_error**2
    free = (a + b) ** 2 / (a**2 / (found.seeds - 1) + b**2 / ((found.examples or 2) - 1))
    half = float(stats.t.ppf(1 - ALPHA / 2, free)) * math.sqrt(a + b)
    return Interval(found.value - half, found.value + half)
