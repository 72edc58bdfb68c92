"""One panel of the picture: one measure of one pass against one size."""

from collections.abc import Callable, Sequence
from html import escape
from typing import Literal, NamedTuple

from attnbench.benchmarks.report.axis import tick_text
from attnbench.benchmarks.speed.log_axis import log_scale, log_ticks, thinned
from attnbench.benchmarks.speed.row import Row
from attnbench.benchmarks.speed.series import Series
from attnbench.benchmarks.speed.table import PASSES, mebibytes, milliseconds

Measure = Literal["seconds", "peak_bytes"]
WIDTH, HEIGHT = 320.0, 246.0
LEFT, RIGHT, TOP, BOTTOM = 52.0, 20.0, 38.0, 54.0
UNITS = {"seconds": 1e3, "peak_bytes": 2.0**-20}
NAMES = {"seconds": "time (ms)", "peak_bytes": "peak memory above inputs (MiB)"}
EXTENTS = {
    "batch": "batch (examples)",
    "queries": "queries (per example)",
    "memory": "memory (positions)",
    "hidden": "hidden (width of queries, keys, values)",
}


class Frame(NamedTuple):
    """Where sizes and values lie in the panel."""

    x: Callable[[float], float]
    y: Callable[[float], float]
    dimension: str
    measure: Measure

    def size(self, row: Row) -> int:
        """The size that grows."""
        return row.sizes._asdict()[self.dimension]

    def value(self, row: Row) -> float | None:
        """What is drawn, in its unit; None where nothing was measured, or 0, which has no place on the axis."""
        return drawn_value(row, self.measure)

    def path(self, rows: Sequence[Row]) -> str:
        """SVG path data along the rows, broken where a value is missing."""
        parts, pen = [], "M"
        for row in rows:
            value = self.value(row)
            if value is not None:
                parts.append(f"{pen}{self.x(self.size(row)):.1f} {self.y(value):.1f}")
            pen = "M" if value is None else "L"
        return "".join(parts)


def drawn_value(row: Row, measure: Measure) -> float | None:
    """The row's number in the panel's unit; no memory is taken for what has no time."""
    raw = row.seconds if measure == "seconds" else row.peak_bytes
    return raw * UNITS[measure] if raw and row.seconds else None


def drawn_values(row: Row, measure: Measure) -> list[float]:
    """All of the row's numbers that find a place in the panel: its value, and for times the quartiles."""
    value = drawn_value(row, measure)
    edges = (row.first_quartile, row.third_quartile) if measure == "seconds" else ()
    return [] if value is None else [value, *(edge * UNITS[measure] for edge in edges if edge)]


def panel(rows: Sequence[Row], series: Sequence[Series], dimension: str, measure: Measure, kind: str) -> str:
    """The panel as SVG elements, its corner at the origin."""
    title = f'<text class="name" x="{LEFT}" y="14">{PASSES[kind]}</text><text x="{LEFT}" y="30">{NAMES[measure]}</text>'
    sizes = sorted({row.sizes._asdict()[dimension] for row in rows})
    numbers = [number for row in rows for number in drawn_values(row, measure)]
    if not numbers:
        return f'{title}<text x="{LEFT}" y="{HEIGHT / 2}">nothing was measured</text>'
    crowd = max(sum(row.seconds is None and row.sizes._asdict()[dimension] == size for row in rows) for size in sizes)
    x = log_scale([float(size) for size in sizes], LEFT + 8, WIDTH - RIGHT)
    frame = Frame(x, log_scale(numbers, HEIGHT - BOTTOM, TOP + 4 + 11 * crowd), dimension, measure)
    lines = "".join(curve(frame, one, [row for row in rows if one.holds(row)]) for one in series)
    return title + axes(frame, sizes, numbers) + lines + missing(frame, rows, series)


def axes(frame: Frame, sizes: Sequence[int], numbers: Sequence[float]) -> str:
    """Frame, grid lines, numbers and the name of what grows."""
    right, bottom = WIDTH - RIGHT + 8, HEIGHT - BOTTOM + 6
    parts = [f'<path class="frame" d="M{LEFT} {TOP}V{bottom}H{right}"/>']
    for tick in log_ticks(numbers):
        y = frame.y(tick)
        parts.append(f'<path class="rule" d="M{LEFT} {y:.1f}H{right}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{tick_text(tick)}</text>')
    for size in thinned(sizes, frame.x, 38.0):
        x = frame.x(size)
        parts.append(f'<path class="frame" d="M{x:.1f} {bottom}v4"/>')
        parts.append(f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{size}</text>')
    middle = (LEFT + right) / 2
    parts.append(f'<text x="{middle:.1f}" y="{bottom + 31}" text-anchor="middle">{EXTENTS[frame.dimension]}</text>')
    return "".join(parts)


def curve(frame: Frame, series: Series, rows: Sequence[Row]) -> str:
    """A line with its marks, and for times the quartiles."""
    ordered = sorted(rows, key=frame.size)
    colour = series.mark.colour
    parts = [f'<path class="curve {colour} {series.form}" d="{frame.path(ordered)}"/>']
    for row in ordered:
        value = frame.value(row)
        if value is None:
            continue
        x = frame.x(frame.size(row))
        if frame.measure == "seconds" and row.first_quartile and row.third_quartile:
            low, high = (frame.y(edge * UNITS["seconds"]) for edge in (row.first_quartile, row.third_quartile))
            parts.append(f'<path class="spread {colour}" d="M{x:.1f} {low:.1f}V{high:.1f}"/>')
        parts.append(series.mark.at(x, frame.y(value), 3.4, title=told(series, row)))
    return "".join(parts)


def told(series: Series, row: Row) -> str:
    """What a mark says when one points at it."""
    return f"{series.label}, {row.sizes}: {milliseconds(row.seconds)} ms, {mebibytes(row.peak_bytes)} MiB"


def missing(frame: Frame, rows: Sequence[Row], series: Sequence[Series]) -> str:
    """A cross at the top for every row without a value, below each other."""
    parts, above = [], dict[int, int]()
    for one in series:
        for row in (row for row in rows if one.holds(row) and row.seconds is None):
            size = frame.size(row)
            x, y = frame.x(size), TOP + 5 + 11 * above.get(size, 0)
            above[size] = above.get(size, 0) + 1
            name = f"{one.label}, {row.sizes}: {row.note}"
            arms = f"M{x - 4:.1f} {y - 4:.1f}l8 8m0 -8l-8 8"
            parts.append(f'<path class="curve {one.mark.colour}" d="{arms}"><title>{escape(name)}</title></path>')
    return "".join(parts)
