"""Tables in HTML that scroll inside their own frame: grids, and plain texts."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from itertools import groupby

from attnbench.benchmarks.report.grid import TASK, Column, Entry, Grid, Line
from attnbench.benchmarks.report.marks import Mark


def html_table(grid: Grid, marks: Mapping[str, Mark], caption: str, *, css: str = "") -> str:
    """The table, its columns' groups in a row above them."""
    names = [column.group for column in grid.columns]
    starts = [index > 0 and name != names[index - 1] for index, name in enumerate(names)]
    titles = "".join(
        f'<th scope="col"{started(start)}>{title(column, marks if grid.corner == TASK else {})}</th>'
        for column, start in zip(grid.columns, starts, strict=True)
    )
    body = "".join(body_line(line, marks.get(line.head), starts) for line in grid.lines)
    made = (
        f'<table class="sortable {css}">'
        f'<caption>{escape(caption)}</caption><thead><tr class="groups"><td></td>{group_heads(names)}</tr>'
        f'<tr><th scope="col">{grid.corner}</th>{titles}</tr></thead><tbody>{body}</tbody></table>'
    )
    return framed(made, caption)


def title(column: Column, marks: Mapping[str, Mark]) -> str:
    """A column's head, with its mark where it is a mechanism's."""
    if column.title in marks:
        return marks[column.title].swatch + breakable(column.title)
    return escape(unbroken(column.title))


def unbroken(title: str) -> str:
    """The title, which breaks at blanks and not inside BLEU-4."""
    return title.replace("-", "\N{NON-BREAKING HYPHEN}")


def breakable(name: str) -> str:
    """A name at the head of a row, as HTML: in a narrow page it breaks after underscores before it breaks anywhere else."""
    return escape(name).replace("_", "_<wbr>")


def started(start: bool) -> str:
    """The class of a cell in which a group of columns starts."""
    return ' class="starts"' if start else ""


def group_heads(names: Sequence[str]) -> str:
    """The groups' names, each over its columns."""
    heads = [(name, len(list(columns))) for name, columns in groupby(names)]
    return "".join(
        f'<th scope="colgroup" colspan="{count}"{started(index > 0)}>{escape(name)}</th>'
        if name
        else f'<td colspan="{count}"></td>'
        for index, (name, count) in enumerate(heads)
    )


def body_line(line: Line, mark: Mark | None, starts: Sequence[bool]) -> str:
    """One mechanism, or one task."""
    cells = "".join(cell(entry, start) for entry, start in zip(line.entries, starts, strict=True))
    css = ' class="control-row"' if line.control else ""
    return f'<tr{css}><th scope="row">{mark.swatch if mark else ""}{breakable(line.head)}</th>{cells}</tr>'


def cell(entry: Entry, start: bool) -> str:
    """A cell with its mark and its note."""
    mark = '<span class="best" title="ahead of every other">▲</span> ' if entry.best else ""
    mean, _, spread = entry.text.partition(" ± ")
    text = f"<strong>{escape(mean)}</strong>" if entry.best else escape(mean)
    text += f' <span class="spread">± {escape(spread)}</span>' if spread else ""
    note = f"<small>{escape(entry.note)}</small>" if entry.note else ""
    value = "" if entry.value is None else f' data-value="{entry.value!r}"'
    return f"<td{started(start)}{value}>{mark}{text}{note}</td>"


def text_table(head: Sequence[str], lines: Iterable[Sequence[str]], caption: str, *, css: str = "") -> str:
    """Texts as a table; the first of each line is its head."""
    columns = "".join(f'<th scope="col">{escape(text)}</th>' for text in head)
    body = "".join(
        f'<tr><th scope="row">{breakable(first)}</th>' + "".join(f"<td>{escape(text)}</td>" for text in rest) + "</tr>"
        for first, *rest in lines
    )
    return framed(f'<table class="{css}"><thead><tr>{columns}</tr></thead><tbody>{body}</tbody></table>', caption)


def framed(table: str, caption: str) -> str:
    """A table in a frame that scrolls, which the keyboard reaches."""
    return f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(caption)}">{table}</div>'
