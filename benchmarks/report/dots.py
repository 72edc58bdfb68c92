"""Figures at a glance: a line a mechanism, a dot a seed, and the mark with its 95 % interval."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import NamedTuple

from attnbench.benchmarks.comparison import Summary, Table
from attnbench.benchmarks.report.axis import reach, scale, tick_text, ticks
from attnbench.benchmarks.report.grid import places, primary_title
from attnbench.benchmarks.report.marks import Mark
from attnbench.benchmarks.report.numbers import fixed, interval
from attnbench.benchmarks.statistics.student import Interval

WIDTH, ROW, TOP, BOTTOM = 460.0, 26.0, 6.0, 36.0
RIGHT = 18.0
LETTERS = 28  # of a name that fit beside the dots
LETTER = 9.2  # the width of one, at the size that names have on a narrow page
CAP = 4.0  # half the height of an interval's end


class Dot(NamedTuple):
    """One line: a value, its interval, and the single values behind it."""

    value: float
    interval: Interval | None
    singles: Sequence[float] = ()


def dots(table: Table, marks: Mapping[str, Mark]) -> str:
    """The primary measure of every mechanism; empty where nothing has a value."""
    found = {row.mechanism: dot(row.measures[table.primary]) for row in table.rows if table.primary in row.measures}
    several = any(one.interval for one in found.values())
    axis = f"{primary_title(table)}, mean and 95 % interval" if several else primary_title(table)
    return drawing(found, marks, axis, table.title, places(table.rows, table.primary)) if found else ""


def dot(found: Summary) -> Dot:
    """Mean, interval, and the seeds where there are several."""
    return Dot(found.mean, found.interval, list(found.by_seed.values()) if found.seeds > 1 else ())


def drawing(
    found: Mapping[str, Dot],
    marks: Mapping[str, Mark],
    axis: str,
    where: str,
    decimals: int,
    reference: float | None = None,
) -> str:
    """The SVG; an interval that leaves the drawing has no end there. A reference is a line through all rows."""
    singles = [value for one in found.values() for value in (one.value, *one.singles)]
    singles += [] if reference is None else [reference]
    lowest, highest = reach(singles, [one.interval for one in found.values()])
    left = 16 + LETTER * min(max(map(len, found)), LETTERS)
    x = scale(lowest, highest, left, WIDTH - RIGHT)
    height = TOP + ROW * len(found) + BOTTOM
    parts = [
        f'<path class="rule" d="M{x(value):.1f} {TOP}V{height - BOTTOM:.1f}"/>'
        f'<text x="{x(value):.1f}" y="{height - BOTTOM + 15:.1f}" text-anchor="middle">{tick_text(value)}</text>'
        for value in ticks(lowest, highest)
    ]
    if reference is not None:
        parts.append(f'<path class="reference" d="M{x(reference):.1f} {TOP}V{height - BOTTOM:.1f}"/>')
    parts.append(f'<text x="{WIDTH - 2:.1f}" y="{height - 4:.1f}" text-anchor="end">{escape(axis)}</text>')
    for index, (mechanism, one) in enumerate(found.items()):
        y = TOP + ROW * (index + 0.5)
        title = f"{mechanism}: {fixed(one.value, decimals)}{interval(one.interval, decimals)}"
        edges = (
            []
            if one.interval is None
            else [(x(min(max(e, lowest), highest)), lowest <= e <= highest) for e in one.interval]
        )
        parts += [name(mechanism, left, y), bar(edges, y, marks[mechanism])]
        parts.append(marks[mechanism].at(x(one.value), y, 5.0, title=title))
        parts += [f'<circle class="seed-dot" cx="{x(v):.1f}" cy="{y:.1f}" r="2.2"/>' for v in one.singles]
    what = escape(f"{where}: {axis} of every mechanism")
    return f'<svg class="dots" viewBox="0 0 {WIDTH:.0f} {height:.0f}" role="img" aria-label="{what}">{"".join(parts)}</svg>'


def name(mechanism: str, left: float, y: float) -> str:
    """The mechanism's name left of the dots, cut where it is too long."""
    shown = mechanism if len(mechanism) <= LETTERS else mechanism[: LETTERS - 1] + "…"
    return f'<text class="name" x="{left - 12:.1f}" y="{y + 4:.1f}" text-anchor="end">{escape(shown)}</text>'


def bar(edges: Sequence[tuple[float, bool]], y: float, mark: Mark) -> str:
    """The interval between its edges, each with an end where it lies on the drawing."""
    if not edges:
        return ""
    ends = "".join(f"M{x:.1f} {y - CAP:.1f}V{y + CAP:.1f}" for x, inside in edges if inside)
    return f'<path class="interval {mark.colour}" d="M{edges[0][0]:.1f} {y:.1f}H{edges[1][0]:.1f}{ends}"/>'
