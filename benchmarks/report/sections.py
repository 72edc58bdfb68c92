"""The parts of the page, each as HTML in which everything that comes from records is escaped."""

from collections.abc import Mapping
from html import escape

from attnbench.benchmarks.comparison import Comparison, Run, Table
from attnbench.benchmarks.report import pairwise
from attnbench.benchmarks.report.curves import chart
from attnbench.benchmarks.report.grid import COST, detail
from attnbench.benchmarks.report.html_table import html_table, text_table
from attnbench.benchmarks.report.marks import Mark
from attnbench.benchmarks.report.matrix import matrix
from attnbench.benchmarks.report.numbers import DASH, label
from attnbench.benchmarks.report.provenance import command, facts
from attnbench.benchmarks.report.scatter import cost_charts, gold_charts, undrawn
from attnbench.benchmarks.report.split import split

Marks = Mapping[str, Mark]
FRONT = (
    "The line is the Pareto front of the means: on it stands who is beaten by no mechanism in cost and quality together. "
    "Bars are 95 % intervals over seeds; where they would hide each other they stand side by side, in the legend's order. "
    "A front says nothing of what is established."
)


def contents(comparison: Comparison) -> str:
    """Links to the sections."""
    links = [("overview", "Overview")]
    links += [(f"task-{index}", table.title) for index, table in enumerate(comparison.tables)]
    links += [("across", "Across tasks")] if comparison.across else []
    links += [("failed", "Failed cells")] if comparison.failed else []
    return "".join(f'<a href="#{where}">{escape(text)}</a>' for where, text in [*links, ("provenance", "Provenance")])


def warnings(comparison: Comparison) -> str:
    """What a reader must be warned of."""
    if not comparison.warnings:
        return ""
    items = "".join(f"<li>{escape(warning)}</li>" for warning in comparison.warnings)
    return f'<aside class="warnings" aria-label="Warnings"><h2>Read with care</h2><ul>{items}</ul></aside>'


def task(table: Table, index: int, marks: Marks, *, explorable: bool) -> str:
    """One task: its table, pairs, costs, curves and examples."""
    title = escape(table.title)
    drawn = ["train/attention/entropy", "train/attention/gradient_noise"]  # there where positions are drawn
    shown = dict.fromkeys([f"val/{table.primary}", "val/nll", *drawn])
    curves = charts("Learning curves", "".join(chart(table, name, marks) for name in shown))
    costs = charts("Quality against cost", cost_charts(table, marks), f"{FRONT} {undrawn(table)}")
    gold = charts("Task quality beside attention quality", gold_charts(table, marks))
    explorer = (
        f'<h3>Where it looked</h3><div class="explorer" data-explorer="{index}" data-title="{title}"></div>'
        if explorable
        else '<p class="quiet">No examples were kept.</p>'
    )
    parts = (measures(table, marks), signatures(table), pairs(table), costs, gold, curves, explorer)
    return f'<section id="task-{index}"><h2>{title}</h2>{"".join(parts)}</section>'


def measures(table: Table, marks: Marks) -> str:
    """All measures, and below them the costs: beside each other they are wider than a page."""
    captions = [
        f"{table.title}: all measures, mean ± 95 % interval over seeds",
        f"{table.title}: costs, means over seeds",
    ]
    grids = zip(split(detail(table), COST), captions, strict=False)
    made = "".join(html_table(grid, marks, caption, css="detail") for grid, caption in grids)
    return f'<div class="tables">{made}</div>'


def charts(title: str, drawn: str, told: str = "") -> str:
    """Charts under a title, and how they are to be read; empty where there are none."""
    note = f'<p class="quiet">{escape(told)}</p>' if told else ""
    return f'<h3>{escape(title)}</h3><div class="charts">{drawn}</div>{note}' if drawn else ""


def signatures(table: Table) -> str:
    """How measures were computed."""
    items = "".join(
        f"<li>{escape(label(name))}: <code>{escape(signature)}</code></li>"
        for name, found in table.signatures.items()
        for signature in found
    )
    return f'<ul class="signatures">{items}</ul>' if items else ""


def pairs(table: Table) -> str:
    """All pairs of mechanisms on the primary measure."""
    if not table.pairs:
        return ""
    lines = [pairwise.cells(table, pair) for pair in table.pairs]
    made = text_table(pairwise.HEADER, lines, f"{table.title}: pairs", css="words sortable")
    return (
        f"<h3>Pairs: the row's lead on the column</h3>{matrix(table)}"
        f'<p class="quiet">{escape(pairwise.explanation(table))}</p>'
        f"<details><summary>All figures of every pair</summary>{made}</details>"
    )


def failed(comparison: Comparison) -> str:
    """Failed cells with their cause."""
    if not comparison.failed:
        return ""
    lines = [
        [f"{record.task} ({record.data})", record.attention, str(record.seed), record.error or "cause unknown"]
        for record in (run.record for run in comparison.failed)
    ]
    head = ("task", "mechanism", "seed", "cause")
    made = text_table(head, lines, "Failed cells", css="words sortable causes")
    return f'<section id="failed"><h2>Failed cells</h2>{made}</section>'


def provenance(comparison: Comparison) -> str:
    """Where the numbers come from: by task, and cell by cell."""
    return "".join(
        f"<details{' open' if index == 0 else ''}><summary>{escape(table.title)}</summary><dl>"
        + "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts(table).items())
        + f"</dl>{cells(table)}</details>"
        for index, table in enumerate(comparison.tables)
    )


def cells(table: Table) -> str:
    """Every finished cell: its address, when it finished and what was typed."""
    lines = [
        [row.mechanism, str(run.record.seed), run.record.cell, finished(run), command(run)]
        for row in table.rows
        for run in row.runs
    ]
    head = ("mechanism", "seed", "cell", "finished", "command")
    return text_table(head, lines, f"{table.title}: cells", css="words sortable commands") if lines else ""


def finished(run: Run) -> str:
    """When the run finished."""
    return str(run.record.provenance.get("finished") or DASH)
