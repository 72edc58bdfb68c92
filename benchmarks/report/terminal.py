"""The comparison on a terminal."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.table import Table as Drawn
from rich.text import Text

from attnbench.benchmarks.comparison import Comparison
from attnbench.benchmarks.errors import printable
from attnbench.benchmarks.report import aggregates
from attnbench.benchmarks.report.findings import caveat, finding
from attnbench.benchmarks.report.grid import Entry, Grid, overview

GAP = 3  # blanks between two columns
EDGES = 2  # blanks left and right of all
NAMES = 24  # letters of a line's head before it is folded


def terminal_table(comparison: Comparison) -> RenderableType:
    """The overview, a sentence for each task, failed cells and warnings. Text from records is never read as markup."""
    parts: list[RenderableType] = [Tables(overview(comparison))]
    parts += [text(finding(table)) for table in comparison.tables]
    parts += [text(aggregates.summary(comparison.across))] if comparison.across else []
    for run in comparison.failed:
        record = run.record
        where = f"{record.task}/{record.attention}/seed{record.seed}"
        parts.append(text(f"failed: {where}: {record.error or 'cause unknown'}", "red"))
    parts += [text(f"note: {warning}", "yellow") for warning in comparison.warnings]
    return Group(*parts, Text(caveat(), "dim"))


def text(words: str, style: str = "") -> Text:
    """Words that may come from a record: what would steer a terminal is shown as a mark."""
    return Text(printable(words), style)


class Tables(NamedTuple):
    """A grid as one table, or as several below each other where it is wider than the terminal: each tells whose its lines are."""

    grid: Grid

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        """As many columns beside each other as fit."""
        columns = [Shown.of(self.grid, index) for index in range(len(self.grid.columns))]
        first = min(max([len(self.grid.corner), *(len(line.head) for line in self.grid.lines)]), NAMES)
        for together in packed([column.width for column in columns], options.max_width - first - EDGES):
            yield drawn(self.grid, [columns[index] for index in together], first)


class Shown(NamedTuple):
    """A column's head and its cells."""

    head: Text
    cells: Sequence[Text]

    @classmethod
    def of(cls, grid: Grid, index: int) -> "Shown":
        """The grid's column."""
        column = grid.columns[index]
        group = printable(column.group).replace(" (", "\n(", 1)
        return cls(Text(f"{group}\n{printable(column.title)}"), [cell(line.entries[index]) for line in grid.lines])

    @property
    def width(self) -> int:
        """Of its longest line."""
        return max(line.cell_len for part in (self.head, *self.cells) for line in part.split("\n"))


def packed(widths: Sequence[int], room: int) -> list[list[int]]:
    """The columns in their order, as many together as have room beside each other; a single one may be too wide."""
    packs: list[list[int]] = [[]]
    left = room
    for index, width in enumerate(widths):
        if width + GAP > left and packs[-1]:
            packs.append([])
            left = room
        packs[-1].append(index)
        left -= width + GAP
    return packs


def drawn(grid: Grid, columns: Sequence[Shown], first: int) -> Drawn:
    """The columns beside the heads of the lines."""
    made = Drawn(box=box.SIMPLE_HEAD, pad_edge=False)
    made.add_column(grid.corner, overflow="fold", min_width=first)
    for column in columns:
        made.add_column(column.head, justify="right", no_wrap=True)
    for index, line in enumerate(grid.lines):
        made.add_row(text(line.head, "dim" if line.control else ""), *(column.cells[index] for column in columns))
    return made


def cell(entry: Entry) -> Text:
    """A cell with its note on a second line."""
    made = Text(f"▲ {entry.text}" if entry.best else entry.text, "bold" if entry.best else "")
    return made.append(f"\n{entry.note}", "not bold dim") if entry.note else made
