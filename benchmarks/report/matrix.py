"""All pairs of mechanisms as a square: by how much the row is better than the column, coloured only where that is established."""

from html import escape

from attnbench.benchmarks.comparison import Table
from attnbench.benchmarks.report.findings import in_sentence
from attnbench.benchmarks.report.html_table import breakable, framed
from attnbench.benchmarks.report.numbers import DASH, label
from attnbench.benchmarks.report.pairwise import better, probability
from attnbench.benchmarks.statistics.pairs import Pair


def matrix(table: Table) -> str:
    """The square as a table; empty where there is no pair."""
    if not table.pairs:
        return ""
    names = [row.mechanism for row in table.rows if table.primary in row.measures]
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in names)
    body = "".join(
        f'<tr><th scope="row">{breakable(one)}</th>{"".join(cell(table, one, other) for other in names)}</tr>'
        for one in names
    )
    caption = f"{table.title}: by how much the row is better than the column on {in_sentence(label(table.primary))}"
    made = (
        f'<table class="plain square"><caption>{escape(caption)}</caption>'
        f"<thead><tr><td></td>{head}</tr></thead><tbody>{body}</tbody></table>"
    )
    return framed(made, caption)


def cell(table: Table, one: str, other: str) -> str:
    """Difference, interval and verdict; a dash for a mechanism and itself, and where two share no seed."""
    pair = table.pair(one, other) if one != other else None
    if pair is None:
        return f"<td>{DASH}</td>"
    found = better(table, pair)
    sign = "" if found.value.startswith("-") or not float(found.value) else "+"
    css = f' class="{pair.verdict}"' if pair.established else ""
    interval = "" if found.interval == DASH else f"<small>{escape(found.interval)}</small>"
    verdict = pair.verdict if pair.established else '<span class="unseen">not established</span>'
    return f'<td{css} title="{escape(told(pair))}">{sign}{escape(found.value)}{interval}<small>{verdict}</small></td>'


def told(pair: Pair) -> str:
    """What a pointer reads over a cell."""
    corrected = probability(pair.corrected)
    return f"{pair.first} - {pair.second}: {pair.verdict}, p (Holm) {corrected}, seeds {pair.difference.seeds}"
