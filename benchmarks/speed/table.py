"""The measurement on a terminal."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from attnbench.benchmarks.report.numbers import DASH, MIB
from attnbench.benchmarks.speed.row import WRONG, Row

COLUMNS = ("time (ms)", "quartiles", "×plain", "MiB", "×plain")
PASSES = {"forward": "forward", "backward": "forward + backward", "step": "one decoding step"}


def milliseconds(seconds: float | None) -> str:
    """Three digits."""
    return DASH if seconds is None else digits(seconds * 1000)


def mebibytes(size: int | None) -> str:
    """Three digits."""
    return DASH if size is None else digits(size / MIB)


def digits(value: float) -> str:
    """At least three digits, and none of them as a power of ten unless it is very small."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def times(ratio: float | None) -> str:
    """A ratio to plain."""
    return DASH if ratio is None else f"{ratio:.2f}×" if ratio >= 0.1 else f"{ratio:.2g}×"


def terminal_tables(rows: Sequence[Row], title: str) -> RenderableType:
    """A table a mechanism and pass, then why what is missing is missing. Text from outside is never read as markup."""
    parts: list[RenderableType] = [Text(f"{title}; sizes are batch×queries×memory×hidden, memory is above the inputs")]
    for (mechanism, kind), found in groupby(rows, lambda row: (row.mechanism, row.kind)):
        parts.append(table(list(found), f"{mechanism}, {PASSES[kind]}"))
    return Group(*parts, *notes(rows))


def table(rows: Sequence[Row], title: str) -> Table:
    """A line a row; lines of one size stand together."""
    drawn = Table(
        title=Text(title, "bold"), box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), title_justify="left"
    )
    drawn.add_column("sizes", min_width=14)
    drawn.add_column("form", min_width=8)
    for name in COLUMNS:
        drawn.add_column(name, justify="right", no_wrap=True)
    for sizes, found in groupby(rows, lambda row: row.sizes):
        for index, row in enumerate(found):
            drawn.add_row("" if index else str(sizes), row.form, *cells(row))
        drawn.add_section()
    return drawn


def cells(row: Row) -> list[Text]:
    """The numbers of a row; what it is instead, where it has none."""
    if row.seconds is None:
        return [Text(row.status, style(row)), *[Text(DASH, "dim")] * (len(COLUMNS) - 1)]
    spread = f"{milliseconds(row.first_quartile)}–{milliseconds(row.third_quartile)}"
    memory = (mebibytes(row.peak_bytes), times(row.memory_ratio))
    return [Text(number) for number in (milliseconds(row.seconds), spread, times(row.time_ratio), *memory)]


def style(row: Row) -> str:
    """Red for what is wrong, yellow for what is merely not there."""
    return "red" if row.status in WRONG else "yellow"


def notes(rows: Sequence[Row]) -> Iterator[Text]:
    """A line for each row that says something."""
    for row in rows:
        if row.note:
            yield Text(f"{row.mechanism}, {row.kind}, {row.sizes}, {row.form}: {row.note}", style(row))
