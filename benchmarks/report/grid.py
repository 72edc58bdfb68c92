"""The report's tables as plain text in cells, before any format: all tasks on a measure, and one task in full."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import NamedTuple

from attnbench.benchmarks.comparison import Comparison, Row, Summary, Table
from attnbench.benchmarks.report.numbers import (
    COSTS,
    DASH,
    LOWER_IS_BETTER,
    cost,
    decimals,
    duration,
    fixed,
    label,
    mean_and_margin,
    seeds,
)

COST = "Cost"  # the group of columns
MECHANISM, TASK = "mechanism", "task"  # what the lines of a table are
WIDE = 8  # tasks beside each other; more stand below each other
UP, DOWN = "\u00a0↑", "\u00a0↓"  # held to the word before them


class Entry(NamedTuple):
    """A cell: its text, a smaller note, whether it is established to be the best of its column, and what it is sorted by."""

    text: str
    note: str = ""
    best: bool = False
    value: float | None = None


class Column(NamedTuple):
    """A column's title, and what it belongs to."""

    title: str
    group: str = ""


class Line(NamedTuple):
    """A row: its head, which names the mechanism or the task, and its cells, one a column."""

    head: str
    entries: Sequence[Entry]
    control: bool = False


class Grid(NamedTuple):
    """A whole table; `corner` says what its lines are."""

    columns: Sequence[Column]
    lines: Sequence[Line]
    corner: str = MECHANISM


def overview(comparison: Comparison) -> Grid:
    """Mechanisms × tasks on each task's primary measure, the cost beside it; tasks × mechanisms where tasks are many."""
    columns = [Column(primary_title(table), table.title) for table in comparison.tables]
    lines = []
    for mechanism in comparison.mechanisms:
        entries = [overview_entry(table, table.row(mechanism)) for table in comparison.tables]
        found = [table.row(mechanism) for table in comparison.tables]
        lines.append(Line(mechanism, entries, any(row is not None and row.control for row in found)))
    grid = Grid(columns, lines)
    return turned(grid) if len(columns) > WIDE else grid


def turned(grid: Grid) -> Grid:
    """Tasks × mechanisms of mechanisms × tasks."""
    tasks = [f"{column.group}: {column.title}" for column in grid.columns]
    lines = [Line(task, [line.entries[index] for line in grid.lines]) for index, task in enumerate(tasks)]
    return Grid([Column(line.head) for line in grid.lines], lines, TASK)


def by_task(comparison: Comparison, name: str) -> Grid:
    """Tasks × mechanisms on one measure or quality of attention, of those that have it; means of whole columns."""
    tables = [table for table in comparison.tables if any(name in row.all_measures for row in table.rows)]
    shown = [mechanism for mechanism in comparison.mechanisms if any(table.row(mechanism) for table in tables)]
    found = {table.title: [summary_of(table.row(mechanism), name) for mechanism in shown] for table in tables}
    digits = decimals(name, [each.mean for line in found.values() for each in line if each])
    lines = [
        Line(task, [Entry(mean_and_margin(each, digits), value=each.mean if each else None) for each in line])
        for task, line in found.items()
    ]
    means = [
        fmean(each.mean for each in column if each) if all(column) else None
        for column in zip(*found.values(), strict=True)
    ]
    lines += [Line("mean", [Entry(fixed(mean, digits), value=mean) for mean in means])] if len(lines) > 1 else []
    return Grid([Column(mechanism) for mechanism in shown], lines, TASK)


def summary_of(row: Row | None, name: str) -> Summary | None:
    """A row's measure, None where there is none."""
    return row.all_measures.get(name) if row else None


def primary_title(table: Table) -> str:
    """The primary measure and its direction."""
    return f"{label(table.primary)}{UP if table.higher_is_better else DOWN}" if table.primary else DASH


def overview_entry(table: Table, row: Row | None) -> Entry:
    """Mean ± 95 % interval, with the number of seeds, parameters and time as a note."""
    found = row.measures.get(table.primary) if row else None
    if row is None or found is None:
        return Entry(DASH, "failed" if row and row.failed else "")
    text = mean_and_margin(found, places(table.rows, table.primary))
    spent = [f"n={found.seeds}"]
    spent += [cost("parameters", row.cost["parameters"])] if "parameters" in row.cost else []
    spent += [duration(row.cost["seconds"].mean)] if "seconds" in row.cost else []
    return Entry(text, " · ".join(spent), stands_out(table, row), found.mean)


def stands_out(table: Table, row: Row) -> bool:
    """Whether the row is established to be ahead of every other."""
    return table.winner is row


def places(rows: Sequence[Row], name: str) -> int:
    """The decimals of one measure's column."""
    return decimals(name, [row.measures[name].mean for row in rows if name in row.measures])


def detail(table: Table) -> Grid:
    """One task: every measure, the primary one first, attention quality, cost."""
    measures = names((row.measures for row in table.rows), first=table.primary)
    qualities = names(row.attention_quality for row in table.rows)
    costs = [name for name in COSTS if any(name in row.cost for row in table.rows)]
    columns = [Column("Seeds")]
    columns += [Column(titled(table, name), "Quality on the test split") for name in measures]
    columns += [Column(titled(table, name), "Attention") for name in qualities]
    columns += [Column(label(name), COST) for name in costs]
    columns += [Column("Off reference", COST)] if any(row.matching for row in table.rows) else []
    lines = [
        Line(row.mechanism, detail_entries(table, row, measures, qualities, costs), row.control) for row in table.rows
    ]
    return Grid(columns, lines)


def names(parts: Iterable[Mapping[str, Summary]], *, first: str = "") -> list[str]:
    """All names that occur, in the order of the records, `first` before the others."""
    found = dict.fromkeys(name for part in parts for name in part)
    return sorted(found, key=lambda name: name != first)


def titled(table: Table, name: str) -> str:
    """A measure's label, with its direction where that is known."""
    if name == table.primary:
        return primary_title(table)
    return f"{label(name)}{DOWN}" if name in LOWER_IS_BETTER else label(name)


def detail_entries(
    table: Table, row: Row, measures: Sequence[str], qualities: Sequence[str], costs: Sequence[str]
) -> list[Entry]:
    """The cells of one mechanism."""
    entries = [Entry(str(len(row.runs)) if row.runs else DASH, f"{len(row.failed)} failed" if row.failed else "")]
    for name in measures:
        best = name == table.primary and stands_out(table, row)
        entries.append(measured(row, row.measures.get(name), places(table.rows, name), best=best))
    for name in qualities:
        entries.append(measured(row, row.attention_quality.get(name), 3))
    entries += [spent(name, row.cost.get(name)) for name in costs]
    return entries + ([residual(row)] if any(other.matching for other in table.rows) else [])


def residual(row: Row) -> Entry:
    """How far off the reference the mechanism is, with the sizes that brought it there; a dash where nothing was matched."""
    if not row.matching:
        return Entry(DASH)
    found = [record.matching["sizes"] for record in row.records if record.matching]
    sizes = dict.fromkeys(f"{key.rpartition('.')[2]} {size}" for each in found for key, size in each.items())
    off = row.matching["residual"].mean
    return Entry(f"{off:+.2%}", ", ".join(sizes) or "no free size", value=off)


def spent(name: str, found: Summary | None) -> Entry:
    """A cost."""
    return Entry(cost(name, found), value=found.mean if found else None)


def measured(row: Row, found: Summary | None, decimal_places: int, *, best: bool = False) -> Entry:
    """Mean ± 95 % interval, with the number of seeds where some of the row's runs have no value."""
    note = seeds(found.seeds) if found and found.seeds < len(row.runs) else ""
    return Entry(mean_and_margin(found, decimal_places), note, best, found.mean if found else None)
