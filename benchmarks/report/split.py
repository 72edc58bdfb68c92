"""A table as two, where its columns are too many to stand beside each other."""

from collections.abc import Sequence
from itertools import compress

from attnbench.benchmarks.report.grid import Grid


def split(grid: Grid, group: str) -> list[Grid]:
    """The grid without a group of columns, and that group; one alone where the other has no column."""
    inside = [column.group == group for column in grid.columns]
    return [part for chosen in (False, True) if (part := only(grid, [flag == chosen for flag in inside])).columns]


def only(grid: Grid, kept: Sequence[bool]) -> Grid:
    """The grid with the columns that are kept."""
    lines = [line._replace(entries=list(compress(line.entries, kept))) for line in grid.lines]
    return grid._replace(columns=list(compress(grid.columns, kept)), lines=lines)
