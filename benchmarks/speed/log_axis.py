"""Logarithmic axes: which numbers stand beside them, and where values lie."""

import math
from collections.abc import Callable, Sequence

from attnbench.benchmarks.report.axis import scale

AIR = 0.06  # of the range, on either side
WIDE = 2.5  # decades from which on powers of ten are numbers enough
CROWDED = 4.5  # decades from which on every other power is


def log_scale(values: Sequence[float], start: float, end: float) -> Callable[[float], float]:
    """Maps the values' range, with air around it, to start..end; all to the middle where there is no extent."""
    lowest, highest = math.log10(min(values)), math.log10(max(values))
    air = AIR * (highest - lowest)
    linear = scale(lowest - air, highest + air, start, end)
    return lambda value: linear(math.log10(value))


def log_ticks(values: Sequence[float]) -> list[float]:
    """Round numbers that enclose or fill the values' range: powers of ten, with 2 and 5 between where it is narrow."""
    lowest, highest = math.log10(min(values)), math.log10(max(values))
    factors = (1, 2, 5) if highest - lowest < WIDE else (1,)
    step = 2 if highest - lowest > CROWDED else 1
    powers = range(math.floor(lowest), math.ceil(highest) + 1, step)
    air = AIR * (highest - lowest) + 1e-9
    found = [factor * 10.0**power for power in powers for factor in factors]
    within = [tick for tick in found if lowest - air <= math.log10(tick) <= highest + air]
    return within or [min(values)]


def thinned(values: Sequence[int], place: Callable[[float], float], gap: float) -> list[int]:
    """Those of the values, from the largest down, whose numbers do not run into each other."""
    kept: list[int] = []
    for value in sorted(values, reverse=True):
        if not kept or place(kept[-1]) - place(value) >= gap:
            kept.append(value)
    return kept[::-1]
