"""Axes of drawings: round ticks, and numbers to places on the page."""

import math
from collections.abc import Callable, Sequence

from attnbench.benchmarks.statistics.student import Interval


def scale(lowest: float, highest: float, start: float, end: float) -> Callable[[float], float]:
    """Maps lowest..highest to start..end; all to the middle where there is no extent."""
    extent = highest - lowest
    return lambda value: (start + end) / 2 if extent == 0 else start + (end - start) * (value - lowest) / extent


def ticks(lowest: float, highest: float, count: int = 5) -> list[float]:
    """About `count` round numbers within the range."""
    if highest <= lowest:
        return [lowest]
    rough = (highest - lowest) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    return [index * step for index in range(math.ceil(lowest / step - 1e-9), math.floor(highest / step + 1e-9) + 1)]


def padded(values: Sequence[float], share: float = 0.06) -> tuple[float, float]:
    """The range of the values with some air around it."""
    lowest, highest = min(values), max(values)
    air = (highest - lowest) * share or abs(highest) * share or 1.0
    return lowest - air, highest + air


def reach(values: Sequence[float], intervals: Sequence[Interval | None], share: float = 0.08) -> tuple[float, float]:
    """The range of values and their intervals with air; of intervals no more than half the values' own extent on either side.

    Where nothing is below 0 the range ends close below it: a mark at 0 stands free, and there is no number below 0.
    """
    lows, highs = ([edges[end] for edges in intervals if edges is not None] for end in (0, 1))
    lowest, highest = min(values), max(values)
    more = (highest - lowest or abs(highest) or 1.0) / 2
    start, end = max(min([lowest, *lows]), lowest - more), min(max([highest, *highs]), highest + more)
    low, high = padded([start, end], share)
    return (max(low, -share * high) if start >= 0 else low), high


def tick_text(value: float) -> str:
    """A tick's number, short: 0.5, 20, 4.3e-8."""
    return f"{value:.6g}".replace("e-0", "e-").replace("e+0", "e") if value else "0"
