"""What a reader must know before the numbers of a table."""

from collections.abc import Sequence
from itertools import combinations

from attnbench.benchmarks.comparison import Row

FEW = 3  # seeds below which a spread is hardly known
MATCHED = 0.01  # how far from the reference a matched budget may be, as a share of the reference's


def cautions(rows: Sequence[Row]) -> list[str]:
    """A line each, of all the rows of one table."""
    return [*unmatched(rows), *collapsed(rows), *twins(rows), *seed_warnings(rows)]


def unmatched(rows: Sequence[Row]) -> list[str]:
    """Mechanisms whose budget was to be matched and is not, with how far off they are, in one line."""
    found = []
    for row in rows:
        off = max(row.matching["residual"].by_seed.values(), key=abs) if row.matching else 0.0
        if abs(off) > MATCHED:
            matching = row.records[0].matching or {}
            found.append(f"{row.mechanism} has {off:+.1%} {matching.get('by')} against {matching.get('reference')}")
    return [f"budgets not matched within {MATCHED:.0%}: {'; '.join(found)}"] if found else []


def collapsed(rows: Sequence[Row]) -> list[str]:
    """Runs whose attention has collapsed, a line an alarm."""
    return [
        f"{row.mechanism}, seed {record.seed}: {alarm}"
        for row in rows
        for record in row.records
        for alarm in record.alarms
    ]


def twins(rows: Sequence[Row]) -> list[str]:
    """Mechanisms that are one model here, as dot and general scores are where queries and keys differ in size.

    They are where, with every seed that both ran with, each epoch's training loss and each measure is the same.
    """
    return [
        f"{first.mechanism} and {second.mechanism} are one model here: training and test came to the same with every seed"
        for first, second in combinations(rows, 2)
        if same_model(first, second)
    ]


def same_model(first: Row, second: Row) -> bool:
    """Whether nothing tells the rows' trained models apart."""
    ours, theirs = ({r.seed: (r.curves.get("train/loss"), r.measures) for r in row.records} for row in (first, second))
    shared = ours.keys() & theirs.keys()
    return bool(shared) and all(ours[seed][0] and ours[seed] == theirs[seed] for seed in shared)


def seed_warnings(rows: Sequence[Row]) -> list[str]:
    """Few seeds, and seeds that are not the same for all."""
    seeds = {row.mechanism: row.seeds for row in rows if row.runs}
    if not seeds:
        return []
    warned = []
    fewest = min(len(found) for found in seeds.values())
    if fewest == 1:
        warned.append("one seed for at least one mechanism: its spread is unknown")
    elif fewest < FEW:
        warned.append(f"{fewest} seeds for at least one mechanism: its spread is a rough guess")
    if len({tuple(found) for found in seeds.values()}) > 1:
        told_seeds = "; ".join(f"{name} {', '.join(map(str, found))}" for name, found in seeds.items())
        warned.append(f"not all mechanisms ran with the same seeds ({told_seeds})")
    return warned
