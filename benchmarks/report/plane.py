"""The plane that charts are drawn in: a frame with numbers on both axes, and the figure around it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from typing import NamedTuple

from attnbench.benchmarks.report.axis import scale, tick_text, ticks
from attnbench.benchmarks.report.html_table import text_table
from attnbench.benchmarks.report.marks import Mark

WIDTH, HEIGHT = 460.0, 250.0
LEFT, RIGHT, TOP, BOTTOM = 50.0, 26.0, 10.0, 40.0
LETTER = 8.5  # the width of a digit, at the size that numbers have on a narrow page
Range = tuple[float, float]


class Plane(NamedTuple):
    """Where values lie on the drawing, and from where to where they reach."""

    x: Callable[[float], float]
    y: Callable[[float], float]
    across: Range
    up: Range
    left: float  # where it begins: beside the longest number


def plane(across: Range, up: Range) -> Plane:
    """The plane that holds these ranges."""
    left = max(LEFT, 12 + LETTER * max(len(tick_text(value)) for value in ticks(*up)))
    return Plane(scale(*across, left, WIDTH - RIGHT), scale(*up, HEIGHT - BOTTOM, TOP), across, up, left)


def axes(found: Plane, name: str, marked: Mapping[float, str]) -> str:
    """Grid lines and numbers of the y axis; the x axis with its name and the marked places."""
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    parts = []
    for value in ticks(*found.up):
        y = found.y(value)
        parts.append(f'<path class="rule" d="M{found.left:.1f} {y:.1f}H{right:.1f}"/>')
        parts.append(f'<text x="{found.left - 6:.1f}" y="{y + 4:.1f}" text-anchor="end">{tick_text(value)}</text>')
    parts += [
        f'<text x="{found.x(value):.1f}" y="{bottom + 18:.1f}" text-anchor="middle">{escape(text)}</text>'
        for value, text in marked.items()
    ]
    middle = (found.left + right) / 2
    parts.append(f'<text x="{middle:.1f}" y="{HEIGHT - 4:.1f}" text-anchor="middle">{escape(name)}</text>')
    return "".join(parts)


def line(found: Plane, points: Iterable[tuple[float, float | None]]) -> str:
    """SVG path data through the points, broken where a value is missing."""
    parts, pen = [], "M"
    for x, y in points:
        if y is None:
            pen = "M"
            continue
        parts.append(f"{pen}{found.x(x):.1f} {found.y(y):.1f}")
        pen = "L"
    return "".join(parts)


def band(found: Plane, points: Sequence[tuple[float, Range | None]], mark: Mark) -> str:
    """The area between low and high, cut at the plane's edges and broken where there is no interval."""
    parts: list[str] = []
    pieces: list[list[tuple[float, Range]]] = [[]]
    for x, edges in points:
        if edges is None:
            pieces.append([])
        else:
            pieces[-1].append((x, (inside(found, edges[0]), inside(found, edges[1]))))
    for piece in pieces:
        there = [f"{found.x(x):.1f} {found.y(high):.1f}" for x, (_, high) in piece]
        back = [f"{found.x(x):.1f} {found.y(low):.1f}" for x, (low, _) in reversed(piece)]
        parts += [f"M{'L'.join([*there, *back])}Z"] if len(piece) > 1 else []
    return f'<path class="band {mark.colour}" d="{"".join(parts)}"/>' if parts else ""


def inside(found: Plane, value: float) -> float:
    """The value, or the edge beyond which it lies."""
    return min(max(value, found.up[0]), found.up[1])


def owned(index: int, drawn: str, css: str = "") -> str:
    """What is drawn of the mechanism that has this place in the legend, which shows it alone when asked."""
    named = f' class="{css}"' if css else ""
    return f'<g{named} data-of="{index}">{drawn}</g>' if drawn else ""


def legend(names: Iterable[str], marks: Mapping[str, Mark]) -> str:
    """Which mark is whose."""
    items = (f"<li>{marks[name].swatch}<span>{escape(name)}</span></li>" for name in names)
    return f'<ul class="legend">{"".join(items)}</ul>'


def figure(title: str, where: str, drawn: str, below: str, head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """The drawing under its title, what stands below it, and its values as a table for those who want or need them."""
    return (
        f'<figure class="chart"><figcaption>{escape(title)}</figcaption>'
        f'<svg viewBox="0 0 {WIDTH:.0f} {HEIGHT:.0f}" role="img" aria-label="{escape(where)}: {escape(title)}">{drawn}</svg>'
        f"{below}<details><summary>Values</summary>{text_table(head, lines, title)}</details></figure>"
    )
