"""The comparison on a terminal."""

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table as Drawn
from rich.text import Text

from attnbench.benchmarks.comparison import Comparison
from attnbench.benchmarks.report import aggregates
from attnbench.benchmarks.report.findings import caveat, finding
from attnbench.benchmarks.report.grid import Entry, overview


def terminal_table(comparison: Comparison) -> RenderableType:
    """The overview, a sentence for each task, failed cells and warnings. Text from records is never read as markup."""
    grid = overview(comparison)
    drawn = Drawn(box=box.SIMPLE_HEAD, pad_edge=False)
    drawn.add_column("mechanism", overflow="fold")
    for column in grid.columns:
        group = column.group.replace(" (", "\n(", 1)
        drawn.add_column(Text(f"{group}\n{column.title}"), justify="right", no_wrap=True)
    for line in grid.lines:
        style = "dim" if line.control else ""
        drawn.add_row(Text(line.mechanism, style), *(cell(entry) for entry in line.entries))
    parts: list[RenderableType] = [drawn]
    parts += [Text(finding(table)) for table in comparison.tables]
    parts += [Text(aggregates.summary(comparison.across))] if comparison.across else []
    for run in comparison.failed:
        record = run.record
        where = f"{record.task}/{record.attention}/seed{record.seed}"
        parts.append(Text(f"failed: {where}: {record.error or 'cause unknown'}", "red"))
    parts += [Text(f"note: {warning}", "yellow") for warning in comparison.warnings]
    return Group(*parts, Text(caveat(), "dim"))


def cell(entry: Entry) -> Text:
    """A cell with its note on a second line."""
    text = Text(f"▲ {entry.text}" if entry.best else entry.text, "bold" if entry.best else "")
    return text.append(f"\n{entry.note}", "not bold dim") if entry.note else text
