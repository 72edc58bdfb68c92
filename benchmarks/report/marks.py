"""How each mechanism is drawn: a colour class and a shape, the same all over the page, so that colour never stands alone."""

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from attnbench.benchmarks.comparison import Comparison, Row

COLOURS = 6
SHAPES = ("circle", "square", "triangle", "diamond", "cross", "wedge")
OUTLINES = {
    "square": "M{l} {t}H{r}V{b}H{l}Z",
    "triangle": "M{x} {t}L{r} {b}H{l}Z",
    "diamond": "M{x} {t}L{r} {y}L{x} {b}L{l} {y}Z",
    "cross": "M{l} {t}L{r} {b}M{l} {b}L{r} {t}",
    "wedge": "M{l} {t}H{r}L{x} {b}Z",
}


class Mark(NamedTuple):
    """A colour's class in the style sheet, and a shape."""

    colour: str
    shape: str

    def at(self, x: float, y: float, radius: float = 4.0, *, title: str = "") -> str:
        """The SVG of the mark, centred there."""
        inner = f"<title>{escape(title)}</title>" if title else ""
        css = f'class="mark {self.colour} {self.shape}"'
        if self.shape == "circle":
            return f'<circle {css} cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}">{inner}</circle>'
        edges = {"l": x - radius, "r": x + radius, "t": y - radius, "b": y + radius, "x": x, "y": y}
        path = OUTLINES[self.shape].format(**{name: f"{edge:.1f}" for name, edge in edges.items()})
        return f'<path {css} d="{path}">{inner}</path>'

    @property
    def swatch(self) -> str:
        """A little picture of the mark, beside a name."""
        return f'<svg class="swatch" viewBox="0 0 12 12" aria-hidden="true">{self.at(6.0, 6.0)}</svg>'


def marks(comparison: Comparison) -> dict[str, Mark]:
    """A mark for each mechanism: colours and shapes in turn, grey circles for controls."""
    rows: Sequence[Row] = [row for table in comparison.tables for row in table.rows]
    controls = {row.mechanism for row in rows if row.control}
    chosen = [name for name in comparison.mechanisms if name not in controls]
    found = {name: Mark(f"m{i % COLOURS}", SHAPES[(i + i // COLOURS) % len(SHAPES)]) for i, name in enumerate(chosen)}
    return found | {name: Mark("control", "circle") for name in controls}
