"""Equal budgets: the size that a mechanism leaves free, solved so that the model costs what it costs with a reference."""

import math
from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from attnbench.benchmarks.cost import parameters
from attnbench.benchmarks.flops import Config, flops_per_example, model_of
from attnbench.benchmarks.mechanism import flat
from attnbench.tasks.base import Task

FREE = ("hidden_dim", "head_dim")  # keys that name a size which nothing outside the mechanism depends on
LARGEST = 2**16  # no size is sought above it
FROM_ONE = 8  # a size far enough from 1 for its count to differ
Amount = int | float
COUNTS: Mapping[str, Callable[[Task, Config], Amount]] = {
    "parameters": lambda task, attention: parameters(model_of(attention, task)),
    "flops": lambda task, attention: flops_per_example(attention, task),
}


@dataclass(frozen=True)
class Matching:
    """What came of it: the reference's count, the one reached, (reached - target) / target, and the sizes by dotted key."""

    by: str
    reference: str
    target: Amount
    reached: Amount
    residual: float
    sizes: Mapping[str, int]


def match(
    attention: Config, task: Task, *, by: str, reference: str, standard: Config
) -> tuple[dict[str, Any], Matching]:
    """The mechanism with its free sizes solved, and how near its model comes to that of `reference`, whose config is `standard`.

    One number is sought, the largest of the free sizes; where there are several the others keep their proportion to it.
    A mechanism without a free size stays as it is.
    """
    count, given = partial(COUNTS[by], task), free_sizes(attention)
    target = count(standard)
    if not target:
        raise ValueError(f"match={by}: the model with {reference} has no {by} that could be matched; use match=none")

    def at(size: int) -> dict[str, Any]:
        return resized(attention, scaled(given, size))

    solved = at(nearest(lambda size: count(at(size)), target, max(given.values()))) if given else dict(attention)
    sizes = {key: value for key, value in flat(solved) if key in given}
    reached = count(solved)
    return solved, Matching(by, reference, target, reached, (reached - target) / target, sizes)


def free_sizes(attention: Config) -> dict[str, int]:
    """The free sizes that are set, by dotted key; where none is, those left null, as 1: they would follow from the model's."""
    named = {key: value for key, value in flat(attention) if key.rpartition(".")[2] in FREE}
    return {key: value for key, value in named.items() if value is not None} or dict.fromkeys(named, 1)


def scaled(sizes: Mapping[str, int], largest: int) -> dict[str, int]:
    """The sizes in their proportion, the largest of them being `largest` and none below 1."""
    top = max(sizes.values())
    return {key: max(1, round(size * largest / top)) for key, size in sizes.items()}


def resized(config: Config, sizes: Mapping[str, int], prefix: str = "") -> dict[str, Any]:
    """The config with the sizes at their dotted keys."""
    return {
        key: resized(value, sizes, f"{prefix}{key}.")
        if isinstance(value, Mapping)
        else sizes.get(f"{prefix}{key}", value)
        for key, value in config.items()
    }


def nearest(count: Callable[[int], Amount], target: Amount, given: int) -> int:
    """The size from 1 to LARGEST whose count is nearest to the target, given that counts grow with sizes.

    The search starts where the target lies if counts grow evenly, widens until it has sizes on both sides of the target, and
    halves what lies between them. Among equals the given size is kept, and so it is where sizes change nothing.
    """
    count = cache(count)
    other = max(given, FROM_ONE)
    slope = (count(other) - count(1)) / (other - 1)
    if slope <= 0:
        return given
    high = min(max(math.ceil(1 + (target - count(1)) / slope), 1), LARGEST)
    low, width = high - 1, 1
    while count(high) < target and high < LARGEST:
        low, high, width = high, min(high + width, LARGEST), 2 * width
    while low > 0 and count(low) >= target:
        low, high, width = max(low - width, 0), low, 2 * width
    reaching = low + 1 + bisect_left(range(low + 1, high), target, key=count)
    return min((given, max(reaching - 1, 1), reaching), key=lambda size: abs(count(size) - target))
