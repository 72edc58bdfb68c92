"""From rows of records to what the statistics ask for: values by seed, test examples, scores on one scale."""

from collections.abc import Mapping, Sequence

from attnbench.benchmarks.comparison import Row, Table
from attnbench.benchmarks.samples import sample
from attnbench.benchmarks.statistics.across import Across, across, normalised
from attnbench.benchmarks.statistics.pairs import FEWEST, Measured, Pair, pairs
from attnbench.benchmarks.statistics.student import ALPHA


def measured(row: Row, measure: str) -> Measured:
    """The row's values and examples on a measure, by seed. Raises RecordError where an example file is damaged."""
    found = {run.record.seed: sample(run.folder, run.record, measure) for run in row.runs}
    return Measured(row.measures[measure].by_seed, {seed: one for seed, one in found.items() if one is not None})


def pairs_of(rows: Sequence[Row], measure: str, *, higher_is_better: bool) -> list[Pair]:
    """All pairs of the rows that have the measure, as one family."""
    found = [row for row in rows if measure in row.measures]
    if len(found) < 2:
        return []
    return pairs({row.mechanism: measured(row, measure) for row in found}, higher_is_better=higher_is_better)


def without_examples(found: Sequence[Pair]) -> list[str]:
    """A warning where differences that could be established know nothing of examples."""
    if any(pair.difference.examples is None and pair.difference.seeds >= FEWEST for pair in found):
        return [
            "not all runs kept test examples that give back their records' values: "
            "intervals of differences allow for other seeds, not for other test examples"
        ]
    return []


def aggregated(tables: Sequence[Table]) -> Across | None:
    """Aggregates over all tables where a mechanism is better than the control beyond chance; None for fewer than two of them.

    A score is (value - the control's mean) / (the best mean - the control's mean). Mechanisms that did not run on all of these
    tables are left out: over other tasks their aggregates would be another thing.
    """
    scales = {table.title: scale(table) for table in tables if table.best}
    usable = [table for table in tables if scales.get(table.title)]
    left_out = {table.title: unscaled(table) for table in tables if table.best and scales[table.title] is None}
    names = [row.mechanism for row in usable[0].rows] if len(usable) > 1 else []
    scores = {name: [scored(table, name, scales) for table in usable] for name in names}
    everywhere = {name: [s for s in found if s is not None] for name, found in scores.items() if None not in found}
    for table in usable:
        missing = [row.mechanism for row in table.rows if row.mechanism not in everywhere]
        left_out |= dict.fromkeys(missing, "did not run on all tasks")
    return across(everywhere, [table.title for table in usable], left_out) if len(everywhere) > 1 else None


def scale(table: Table) -> tuple[float, float] | None:
    """The control's mean and the best mean; None without a control, or where their difference may be chance: p above 0.05."""
    controls = [row for row in table.rows if row.control and table.primary in row.measures]
    pair = table.pair(table.best[0].mechanism, controls[0].mechanism) if len(controls) == 1 else None
    if pair is None or pair.difference.seeds < 2 or (pair.difference.p or 0.0) > ALPHA:
        return None
    low, high = (row.measures[table.primary].mean for row in (controls[0], table.best[0]))
    return low, high


def unscaled(table: Table) -> str:
    """Why a table has no scale."""
    controls = [row for row in table.rows if row.control and table.primary in row.measures]
    if len(controls) != 1:
        return "several controls" if controls else "no control"
    if table.best[0] is controls[0]:
        return "nothing is better than the control"
    pair = table.pair(table.best[0].mechanism, controls[0].mechanism)
    if pair is None or pair.difference.seeds < 2:
        return "one seed"
    return "nothing is better than the control beyond chance"


def scored(table: Table, mechanism: str, scales: Mapping[str, tuple[float, float] | None]) -> list[float] | None:
    """The mechanism's normalised scores, one a seed; None where it has none."""
    row, ends = table.row(mechanism), scales[table.title]
    if row is None or ends is None or table.primary not in row.measures:
        return None
    return normalised(list(row.measures[table.primary].by_seed.values()), *ends)
