"""Mechanisms across tasks: aggregates of normalised scores over task × seed, by the definitions of Agarwal et al. 2021."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from attnbench.benchmarks.statistics.bootstrap import SEED, percentile, stratified
from attnbench.benchmarks.statistics.student import Interval

Scores = Mapping[str, Sequence[Sequence[float]]]  # of each mechanism: by task, one score a seed
LEVELS = 101  # of a performance profile


@dataclass(frozen=True)
class Aggregate:
    """A figure with its interval."""

    value: float
    interval: Interval


@dataclass(frozen=True)
class Profile:
    """The share of runs whose score is above each level, with pointwise intervals."""

    levels: Sequence[float]
    shares: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]


@dataclass(frozen=True)
class Across:
    """All of it. `tables` names what was aggregated, `left_out` what could not be, with the reason."""

    tables: Sequence[str]
    left_out: Mapping[str, str]
    means: Mapping[str, Aggregate]  # interquartile means
    improvement: Mapping[tuple[str, str], Aggregate]  # P(first better than second), for every ordered pair
    profiles: Mapping[str, Profile]


def normalised(values: Sequence[float], control: float, best: float) -> list[float]:
    """(value - control) / (best - control): 0 is the control's mean, 1 the best mechanism's, whichever direction is better."""
    return [(value - control) / (best - control) for value in values]


def interquartile_mean(scores: Float[ndarray, "draws runs"]) -> Float[ndarray, " draws"]:
    """The mean of the middle half: a quarter of the runs, rounded down, is left out at either end (§4.3)."""
    cut = scores.shape[-1] // 4
    kept: Float[ndarray, " draws"] = np.sort(scores, axis=-1)[..., cut : scores.shape[-1] - cut].mean(axis=-1)
    return kept


def improvement(
    first: Sequence[Float[ndarray, "draws runs"]], second: Sequence[Float[ndarray, "draws others"]]
) -> Float[ndarray, " draws"]:
    """P(X > Y), ties half, by task and then the mean over tasks (§4.3, Mann-Whitney's U over the number of pairs)."""
    by_task = []
    for one, other in zip(first, second, strict=True):
        mine, theirs = one[..., :, None], other[..., None, :]
        by_task.append(((mine > theirs) + (mine == theirs) / 2).mean(axis=(-2, -1)))
    found: Float[ndarray, " draws"] = np.mean(by_task, axis=0)
    return found


def profile(scores: Float[ndarray, "draws runs"], levels: Float[ndarray, " levels"]) -> Float[ndarray, "draws levels"]:
    """The share of runs above each level (§4.2)."""
    shares: Float[ndarray, "draws levels"] = (scores[..., None, :] > levels[:, None]).mean(axis=-1)
    return shares


def across(scores: Scores, tables: Sequence[str], left_out: Mapping[str, str]) -> Across:
    """Every aggregate with its 95 % stratified bootstrap interval."""
    runs = {name: [np.asarray(task, dtype=float) for task in tasks] for name, tasks in scores.items()}
    drawn = {name: stratified(tasks, generator(name)) for name, tasks in runs.items()}
    flat = {name: np.concatenate(tasks) for name, tasks in runs.items()}
    flat_drawn = {name: np.concatenate(tasks, axis=-1) for name, tasks in drawn.items()}
    extent = np.concatenate(list(flat.values()))
    levels = np.linspace(float(extent.min()), float(extent.max()), LEVELS)
    return Across(
        tables,
        left_out,
        {
            n: Aggregate(float(interquartile_mean(flat[n][None])[0]), percentile(interquartile_mean(flat_drawn[n])))
            for n in flat
        },
        {
            (one, other): Aggregate(
                float(improvement(alone(runs[one]), alone(runs[other]))[0]),
                percentile(improvement(drawn[one], drawn[other])),
            )
            for one in runs
            for other in runs
            if one != other
        },
        {name: profiled(flat[name], flat_drawn[name], levels) for name in flat},
    )


def alone(tasks: Sequence[Float[ndarray, " runs"]]) -> list[Float[ndarray, "1 runs"]]:
    """The runs as one draw of them."""
    return [runs[None] for runs in tasks]


def generator(name: str) -> np.random.Generator:
    """A mechanism's own draws: one mechanism more changes no other's interval."""
    return np.random.default_rng([SEED, *name.encode()])


def profiled(
    scores: Float[ndarray, " runs"], drawn: Float[ndarray, "draws runs"], levels: Float[ndarray, " levels"]
) -> Profile:
    """The profile with its pointwise intervals."""
    bands = [percentile(shares) for shares in profile(drawn, levels).T]
    return Profile(
        levels.tolist(),
        profile(scores[None], levels)[0].tolist(),
        [band.low for band in bands],
        [band.high for band in bands],
    )
