"""The comparison as CSV: a line for every task, mechanism and measure that has a value; full precision, nothing rounded."""

import csv
import io

from attnbench.benchmarks.comparison import Comparison, Row, Table

NAMES = ("task", "data", "model", "comparison")
HEADER = (*NAMES, "mechanism", "group", "measure", "mean", "spread", "low", "high", "seeds", "by_seed")


def csv_text(comparison: Comparison) -> str:
    """All of it. `spread` and the 95 % interval (`low`, `high`) are empty for one seed.

    `by_seed` holds `seed=value` pairs, separated by blanks.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(HEADER)
    for table in comparison.tables:
        for row in table.rows:
            writer.writerows((*naming(table), row.mechanism, *line) for line in lines(row))
    return buffer.getvalue()


PAIRS = (
    *NAMES,
    *("measure", "first", "second", "difference", "low", "high", "seed_error", "example_error"),
    *("p", "p_holm", "p_swaps", "hedges_g", "chance_better", "seeds", "examples", "verdict"),
)


def pairs_text(comparison: Comparison) -> str:
    """All pairs on the primary measures, first - second in the measure's own units; empty where a value is not known."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(PAIRS)
    for table in comparison.tables:
        for pair in table.pairs:
            found = pair.difference
            edges = (None, None) if found.interval is None else found.interval
            numbers = (found.value, *edges, found.seed_error, found.example_error, found.p, pair.corrected)
            sizes = (pair.examples_p, pair.effect, pair.chance, found.seeds, found.examples)
            values = ["" if value is None else repr(value) for value in (*numbers, *sizes)]
            names = (*naming(table), table.primary, pair.first, pair.second)
            writer.writerow((*names, *values, pair.verdict))
    return buffer.getvalue()


def naming(table: Table) -> tuple[str, str, str, str]:
    """What tells the table from others, as NAMES name it."""
    return table.task, table.data, table.model, table.place


def lines(row: Row) -> list[tuple[str, ...]]:
    """Group, measure, mean, spread, interval, seeds and the single values."""
    groups = {"measure": row.measures, "attention": row.attention_quality, "cost": row.cost, "matching": row.matching}
    return [
        (
            group,
            name,
            repr(found.mean),
            "" if found.spread is None else repr(found.spread),
            "" if found.interval is None else repr(found.interval.low),
            "" if found.interval is None else repr(found.interval.high),
            str(found.seeds),
            " ".join(f"{seed}={value!r}" for seed, value in found.by_seed.items()),
        )
        for group, part in groups.items()
        for name, found in part.items()
    ]
