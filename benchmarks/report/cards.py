"""A card for each task: its sentences and its dots, at a glance."""

import re
from collections.abc import Mapping
from html import escape

from attnbench.benchmarks.comparison import Comparison, Table
from attnbench.benchmarks.report.dots import dots
from attnbench.benchmarks.report.findings import said
from attnbench.benchmarks.report.marks import Mark


def cards(comparison: Comparison, marks: Mapping[str, Mark]) -> str:
    """A card for each task: its sentences and its dots."""
    return "".join(
        f'<article class="card"><div><h2><a href="#task-{index}">{escape(table.title)}</a></h2>{told(table)}</div>'
        f"{dots(table, marks)}</article>"
        for index, table in enumerate(comparison.tables)
    )


def told(table: Table) -> str:
    """What the table says: what is established stands out, what is not stands back."""
    best, ahead, undecided = map(unbroken, said(table))
    parts = [f"<p>{best}</p>"]
    parts += [f'<p class="ahead">{ahead}</p>'] if ahead else []
    parts += [f'<p class="undecided">{undecided}</p>'] if undecided else []
    return "".join(parts)


def unbroken(text: str) -> str:
    """The text, escaped, whose intervals stay on one line."""
    return escape(re.sub(r"(\[-?[\d.]+), (-?[\d.]+\])", "\\1,\N{NO-BREAK SPACE}\\2", text))
