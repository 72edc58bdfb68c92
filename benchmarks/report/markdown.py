"""The comparison as Markdown."""

from collections.abc import Sequence

from attnbench.benchmarks.comparison import Comparison, Table
from attnbench.benchmarks.report import aggregates, pairwise
from attnbench.benchmarks.report.findings import caveat, finding, in_sentence, size
from attnbench.benchmarks.report.grid import Entry, Grid, by_task, detail, overview
from attnbench.benchmarks.report.numbers import label
from attnbench.benchmarks.report.provenance import facts

SPECIAL = "\\`*_{}[]<>#|~&"


def plain(text: str) -> str:
    """The text with everything escaped that Markdown or HTML would read as markup, in one line."""
    return "".join(f"\\{sign}" if sign in SPECIAL else sign for sign in " ".join(text.split()))


def markdown_table(comparison: Comparison) -> str:
    """The table alone: all columns of a single task with its signatures below, else the overview of all tasks."""
    if len(comparison.tables) != 1:
        return pipes(overview(comparison), with_notes=True)
    return all_measures(comparison.tables[0])


def markdown_details(comparison: Comparison) -> str:
    """All columns of every task, each below its title."""
    return "\n\n".join(f"**{plain(table.title)}**\n\n{all_measures(table)}" for table in comparison.tables)


def markdown_by_task(comparison: Comparison, name: str) -> str:
    """One measure or quality of attention, tasks × mechanisms, and its mean."""
    return pipes(by_task(comparison, name))


def markdown_listed(comparison: Comparison, name: str) -> str:
    """Each mechanism, of how many tasks the measure is not 0 under some seed, and of which, by their data."""
    lines = []
    for mechanism in comparison.mechanisms:
        measured = {
            table.data: row.all_measures[name].mean
            for table in comparison.tables
            if (row := table.row(mechanism)) and name in row.all_measures
        }
        found = [data for data, mean in measured.items() if mean]
        if measured:
            lines.append(
                plain(f"{mechanism}: {len(found)} of {len(measured)}{': ' if found else ''}{', '.join(found)}")
            )
    return "\n".join(f"- {line}" for line in lines)


def all_measures(table: Table) -> str:
    """All columns of a task, and its signatures below."""
    return "\n".join([pipes(detail(table)), *signature_lines(table)])


def pipes(grid: Grid, *, with_notes: bool = False) -> str:
    """A grid as a pipe table."""
    titles = [
        f"{column.group}: {column.title}" if with_notes and column.group else column.title for column in grid.columns
    ]
    lines = [bar([grid.corner, *map(plain, titles)]), bar(["---", *["---:"] * len(titles)])]
    for line in grid.lines:
        lines.append(bar([plain(line.head), *(cell(entry) for entry in line.entries)]))
    return "\n".join(lines) + "\n"


def bar(cells: Sequence[str]) -> str:
    """One line of a pipe table."""
    return f"| {' | '.join(cells)} |"


def cell(entry: Entry) -> str:
    """A cell's text, the best mean in bold with its mark, the note behind it."""
    text = f"**{plain(entry.text)}** ▲" if entry.best else plain(entry.text)
    return f"{text} ({plain(entry.note)})" if entry.note else text


def signature_lines(table: Table) -> list[str]:
    """How measures were computed."""
    found = [f"- {label(name)}: `{s.replace('`', '')}`" for name, all_ in table.signatures.items() for s in all_]
    return ["", *found] if found else []


def markdown(comparison: Comparison) -> str:
    """The whole report."""
    parts = ["# Attention mechanisms compared", "", size(comparison), ""]
    parts += [f"- {plain(finding(table))}" for table in comparison.tables]
    if comparison.warnings:
        parts += ["", "## Warnings", "", *(f"- {plain(warning)}" for warning in comparison.warnings)]
    parts += ["", "## Overview", "", pipes(overview(comparison), with_notes=True), caveat()]
    for table in comparison.tables:
        parts += ["", f"## {plain(table.title)}", "", pipes(detail(table)), *signature_lines(table), *pair_lines(table)]
    parts += across_lines(comparison)
    parts += [*failures(comparison), "", "## Provenance"]
    for table in comparison.tables:
        parts += ["", f"### {plain(table.title)}", ""]
        parts += [f"- {name}: {plain(value)}" for name, value in facts(table).items()]
    return "\n".join(parts) + "\n"


def pair_lines(table: Table) -> list[str]:
    """All pairs of mechanisms on the primary measure."""
    if not table.pairs:
        return []
    lines = [bar(list(map(plain, cells))) for cells in (pairwise.cells(table, pair) for pair in table.pairs)]
    head = [bar(list(pairwise.HEADER)), bar(["---", *["---:"] * (len(pairwise.HEADER) - 1)])]
    title = f"### Pairs on {in_sentence(label(table.primary))}"
    return ["", title, "", *head, *lines, "", pairwise.explanation(table)]


def across_lines(comparison: Comparison) -> list[str]:
    """Aggregates over tasks."""
    found = comparison.across
    if found is None:
        return []
    titles = ["mechanism", *map(plain, aggregates.header(found))]
    head = [bar(titles), bar(["---", *["---:"] * (len(titles) - 1)])]
    lines = [bar(list(map(plain, cells))) for cells in aggregates.lines(found)]
    return ["", "## Across tasks", "", *head, *lines, "", plain(aggregates.explanation(found))]


def failures(comparison: Comparison) -> list[str]:
    """Failed cells with their cause."""
    if not comparison.failed:
        return []
    lines = [
        f"- {plain(f'{run.record.task} ({run.record.data}), {run.record.attention}, seed {run.record.seed}')}: "
        f"{plain(run.record.error or 'cause unknown')}"
        for run in comparison.failed
    ]
    return ["", "## Failed cells", "", *lines]
