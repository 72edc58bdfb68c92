"""How many seeds it takes to establish a difference, as a table of text."""

import math
from collections.abc import Sequence

from attnbench.benchmarks.comparison import Comparison, Table
from attnbench.benchmarks.report.numbers import DASH, PERCENT, fixed, label, seeds
from attnbench.benchmarks.statistics.difference import Difference
from attnbench.benchmarks.statistics.power import MOST, PROMISED, seeds_needed

EFFECTS = (0.5, 1.0, 2.0)  # points of a measure in percent


def power_text(comparison: Comparison, effects: Sequence[float] = ()) -> str:
    """A block a table."""
    return "\n\n".join(block(table, effects) for table in comparison.tables)


def block(table: Table, effects: Sequence[float]) -> str:
    """The spread that was measured, and a line an effect."""
    found = [pair.difference for pair in table.pairs if pair.difference.seed_error is not None]
    if not found:
        return f"{table.title}: the spread of differences is not known; it takes two mechanisms with two seeds each"
    spreads = [spread(difference) for difference in found]
    values = [row.measures[table.primary].mean for row in table.rows if table.primary in row.measures]
    unit, decimals = (1.0, 2) if max(map(abs, values)) > PERCENT else (0.01, 4)
    least, typical, most = (fixed(value, decimals) for value in (min(spreads), rms(spreads), max(spreads)))
    examples = fixed(rms([difference.example_error for difference in found]), decimals)
    lines = [
        f"{table.title}: seeds for {PROMISED:.0%} power, {label(table.primary)}",
        f"  differences of a seed have s.d. {typical} (of pairs {least} to {most}), known from "
        f"{seeds(min(difference.seeds for difference in found))}; the choice of examples adds an error of {examples}",
        f"  {'difference':>10}  {'one pair':>20}  {f'all {len(found)} pairs (Holm)':>24}",
    ]
    for effect in effects or [unit * effect for effect in EFFECTS]:
        lines.append(f"  {effect:>10g}  {needed(effect, found, 1):>20}  {needed(effect, found, len(found)):>24}")
    return "\n".join(lines)


def spread(found: Difference) -> float:
    """The standard deviation of one seed's difference."""
    return (found.seed_error or 0.0) * math.sqrt(found.seeds)


def rms(values: Sequence[float]) -> float:
    """The root of the mean square."""
    return math.sqrt(sum(value**2 for value in values) / len(values))


def needed(effect: float, found: Sequence[Difference], tests: int) -> str:
    """For the mean variance of all pairs, and in brackets from the least to the most variable pair."""
    ends = sorted((spread(one), one.example_error) for one in found)
    typical = (rms([spread(one) for one in found]), rms([one.example_error for one in found]))
    middle, low, high = (written(seeds_needed(effect, *each, tests=tests)) for each in (typical, ends[0], ends[-1]))
    return f"{middle} ({low}{DASH}{high})" if len(found) > 1 else middle


def written(count: int | None) -> str:
    """How many seeds, or that no number in reach is enough."""
    return f">{MOST}" if count is None else str(count)
