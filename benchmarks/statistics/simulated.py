"""Data whose truth is known: what mechanisms, seeds and examples would give if their effects were these."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from attnbench.benchmarks.statistics import ngrams
from attnbench.benchmarks.statistics.corpus import Sample, ratio
from attnbench.benchmarks.statistics.pairs import Measured

EXAMPLES = 200
SPREAD = 1.0  # standard deviation of a seed's difference, the unit of effects on means
LUCK, LIKING, EASE = 0.06, 0.5, 0.7  # standard deviations on the scale of log odds
WORDS = 12  # of a sentence, about
CHANCES = np.array([0.60, 0.36, 0.22, 0.14])  # of n-grams of each order that are right
RIGHT = 0.75  # of answers

Values = Float[ndarray, "mechanisms seeds examples"]


class World(NamedTuple):
    """What is measured, and how much the choice of examples weighs beside that of seeds.

    Of `mean` the weight is the variance that examples give a difference over the variance that three seeds give it; of `accuracy`
    and `bleu` it is how strongly mechanisms differ in which examples they find hard, in units of `LIKING`.
    """

    measure: str
    weight: float


def drawn(
    world: World, rng: np.random.Generator, seeds: int, *, mechanisms: int = 2, effect: float = 0.0
) -> dict[str, Measured]:
    """Mechanisms with fresh seeds and fresh examples; the first is better by `effect`, all others are alike."""
    if world.measure == "mean":
        return {f"m{i}": of_values(found) for i, found in enumerate(means(world, rng, seeds, mechanisms, effect))}
    odds = log_odds(world, rng, seeds, mechanisms, effect)
    if world.measure == "accuracy":
        base = np.log(RIGHT / (1 - RIGHT))
        hits = 100.0 * (rng.random(odds.shape) < 1 / (1 + np.exp(-base - odds)))
        return {f"m{i}": of_values(found) for i, found in enumerate(hits)}
    lengths = rng.poisson(WORDS, EXAMPLES) + 4
    return {f"m{i}": of_samples([corpus(rng, lengths, each) for each in found]) for i, found in enumerate(odds)}


def means(world: World, rng: np.random.Generator, seeds: int, mechanisms: int, effect: float) -> Values:
    """Normal effects of examples (on all alike), of seeds, of a mechanism's liking for an example, and of the rest."""
    liking = np.sqrt(world.weight / 3 * EXAMPLES / 2) * SPREAD
    values: Values = (
        50
        + rng.normal(0, 3 * SPREAD, EXAMPLES)
        + rng.normal(0, SPREAD / np.sqrt(2), (mechanisms, seeds, 1))
        + rng.normal(0, liking, (mechanisms, 1, EXAMPLES))
        + rng.normal(0, SPREAD, (mechanisms, seeds, EXAMPLES))
    )
    values[0] += effect
    return values


def mean_errors(world: World) -> tuple[float, float]:
    """Of `mean`: the standard deviation of a seed's difference, and the standard error that examples give it."""
    return SPREAD * float(np.sqrt(1 + 2 / EXAMPLES)), SPREAD * float(np.sqrt(world.weight / 3))


def log_odds(world: World, rng: np.random.Generator, seeds: int, mechanisms: int, effect: float) -> Values:
    """Of each example to be right, beside what all have in common."""
    odds: Values = (
        rng.normal(0, EASE, EXAMPLES)
        + rng.normal(0, LUCK, (mechanisms, seeds, 1))
        + rng.normal(0, world.weight * LIKING, (mechanisms, 1, EXAMPLES))
    )
    odds[0] += effect
    return odds


def of_values(values: Float[ndarray, "seeds examples"]) -> Measured:
    """One mechanism, from its values on every example."""
    return of_samples([Sample(np.stack([found, np.ones_like(found)], axis=-1), ratio, "all") for found in values])


def of_samples(samples: list[Sample]) -> Measured:
    """One mechanism, from a sample a seed."""
    return Measured({seed: one.value for seed, one in enumerate(samples)}, dict(enumerate(samples)))


def corpus(rng: np.random.Generator, lengths: ndarray, odds: Float[ndarray, " examples"]) -> Sample:
    """One run's counts of words and n-grams, in sacrebleu's arrangement."""
    said = lengths + rng.integers(-1, 2, len(lengths))
    totals = np.maximum(said[:, None] - np.arange(4), 0)
    base = np.log(CHANCES / (1 - CHANCES))
    right = rng.binomial(totals, 1 / (1 + np.exp(-base - odds[:, None])))
    counts = np.concatenate([said[:, None], lengths[:, None], right, totals], axis=1)
    return Sample(counts.astype(float), smoothed_bleu, "all")


def smoothed_bleu(sums: Float[ndarray, "*any 10"]) -> Float[ndarray, "*any"]:
    """BLEU as sacrebleu has it unless told otherwise."""
    return ngrams.bleu(sums, smooth="exp")
