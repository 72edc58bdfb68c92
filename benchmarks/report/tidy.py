"""The comparison as CSV: a line for every task, mechanism and measure that has a value; full precision, nothing rounded."""

import csv
import io

from attnbench.benchmarks.comparison import Comparison, Row

HEADER = ("task", "data", "model", "mechanism", "group", "measure", "mean", "spread", "seeds", "by_seed")


def csv_text(comparison: Comparison) -> str:
    """All of it. `spread` is empty for one seed; `by_seed` holds `seed=value` pairs, separated by blanks."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(HEADER)
    for table in comparison.tables:
        for row in table.rows:
            writer.writerows((table.task, table.data, table.model, row.mechanism, *line) for line in lines(row))
    return buffer.getvalue()


def lines(row: Row) -> list[tuple[str, ...]]:
    """Group, measure, mean, spread, seeds and the single values."""
    groups = {"measure": row.measures, "attention": row.attention_quality, "cost": row.cost, "matching": row.matching}
    return [
        (
            group,
            name,
            repr(found.mean),
            "" if found.spread is None else repr(found.spread),
            str(found.seeds),
            " ".join(f"{seed}={value!r}" for seed, value in found.by_seed.items()),
        )
        for group, part in groups.items()
        for name, found in part.items()
    ]
