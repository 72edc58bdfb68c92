"""The parts of the page, each as HTML in which everything that comes from records is escaped."""

from collections.abc import Mapping
from html import escape

from attnbench.benchmarks.comparison import Comparison, Table
from attnbench.benchmarks.report import pairwise
from attnbench.benchmarks.report.curves import chart
from attnbench.benchmarks.report.dots import dots
from attnbench.benchmarks.report.findings import finding
from attnbench.benchmarks.report.grid import detail
from attnbench.benchmarks.report.html_table import html_table
from attnbench.benchmarks.report.marks import Mark
from attnbench.benchmarks.report.numbers import label
from attnbench.benchmarks.report.provenance import command, facts

Marks = Mapping[str, Mark]


def contents(comparison: Comparison) -> str:
    """Links to the sections."""
    links = [("overview", "Overview")]
    links += [(f"task-{index}", table.title) for index, table in enumerate(comparison.tables)]
    links += [("failed", "Failed cells")] if comparison.failed else []
    return "".join(f'<a href="#{where}">{escape(text)}</a>' for where, text in [*links, ("provenance", "Provenance")])


def warnings(comparison: Comparison) -> str:
    """What a reader must be warned of."""
    if not comparison.warnings:
        return ""
    items = "".join(f"<li>{escape(warning)}</li>" for warning in comparison.warnings)
    return f'<aside class="warnings" aria-label="Warnings"><h2>Read with care</h2><ul>{items}</ul></aside>'


def findings(comparison: Comparison, marks: Marks) -> str:
    """A card for each task: its sentence and its dots."""
    return "".join(
        f'<article class="card"><p>{escape(finding(table))}</p>{dots(table, marks)}</article>'
        for table in comparison.tables
    )


def task(table: Table, index: int, marks: Marks, *, explorable: bool) -> str:
    """One task: its table, curves and examples."""
    title = escape(table.title)
    drawn = ["train/attention/entropy", "train/attention/gradient_noise"]  # there where positions are drawn
    shown = dict.fromkeys([f"val/{table.primary}", "val/nll", *drawn])
    charts = "".join(chart(table, name, marks) for name in shown)
    curves = f'<h3>Learning curves</h3><div class="charts">{charts}</div>' if charts else ""
    explorer = (
        f'<h3>Where it looked</h3><div class="explorer" data-explorer="{index}" data-title="{title}"></div>'
        if explorable
        else '<p class="quiet">No examples were kept.</p>'
    )
    grid = html_table(
        detail(table), marks, f"{table.title}: all measures, mean ± 95 % interval over seeds", css="detail"
    )
    return f'<section id="task-{index}"><h2>{title}</h2>{grid}{signatures(table)}{pairs(table)}{curves}{explorer}</section>'


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
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in pairwise.HEADER)
    lines = "".join(
        f'<tr><th scope="row">{escape(name)}</th>' + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"
        for name, *cells in (pairwise.cells(table, pair) for pair in table.pairs)
    )
    made = f'<table class="words"><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>'
    scroll = f'<div class="scroll" tabindex="0" role="region" aria-label="Pairs">{made}</div>'
    return f'<h3>Pairs</h3>{scroll}<p class="quiet">{escape(pairwise.explanation(table))}</p>'


def failed(comparison: Comparison) -> str:
    """Failed cells with their cause."""
    if not comparison.failed:
        return ""
    lines = "".join(
        f'<tr><th scope="row">{escape(f"{record.task} ({record.data})")}</th><td>{escape(record.attention)}</td>'
        f'<td>{record.seed}</td><td class="cause">{escape(record.error or "cause unknown")}</td></tr>'
        for record in (run.record for run in comparison.failed)
    )
    head = "".join(f'<th scope="col">{name}</th>' for name in ("task", "mechanism", "seed", "cause"))
    table = f'<table class="words"><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>'
    scroll = f'<div class="scroll" tabindex="0" role="region" aria-label="Failed cells">{table}</div>'
    return f'<section id="failed"><h2>Failed cells</h2>{scroll}</section>'


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
    lines = "".join(
        f'<tr><th scope="row">{escape(row.mechanism)}</th><td>{run.record.seed}</td>'
        f"<td><code>{escape(run.record.cell)}</code></td>"
        f"<td>{escape(str(run.record.provenance.get('finished') or '–'))}</td><td><code>{escape(command(run))}</code></td></tr>"
        for row in table.rows
        for run in row.runs
    )
    head = "".join(f'<th scope="col">{name}</th>' for name in ("mechanism", "seed", "cell", "finished", "command"))
    table_html = f'<table class="words"><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>'
    return f'<div class="scroll" tabindex="0" role="region" aria-label="Cells">{table_html}</div>' if lines else ""
