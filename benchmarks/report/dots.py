"""The primary measure of one task at a glance: a line a mechanism, a dot a seed, the mean with its standard deviation."""

from collections.abc import Mapping
from html import escape

from attnbench.benchmarks.comparison import Summary, Table
from attnbench.benchmarks.report.axis import padded, scale, tick_text, ticks
from attnbench.benchmarks.report.grid import places, primary_title
from attnbench.benchmarks.report.marks import Mark
from attnbench.benchmarks.report.numbers import mean_and_spread

WIDTH, ROW, TOP, BOTTOM = 460.0, 26.0, 6.0, 36.0
LEFT, RIGHT = 138.0, 16.0
LETTERS = 17  # of a name that fit beside the dots


def dots(table: Table, marks: Mapping[str, Mark]) -> str:
    """The drawing as SVG; empty where nothing has a value."""
    found = {row.mechanism: row.measures[table.primary] for row in table.rows if table.primary in row.measures}
    if not found:
        return ""
    reach = [
        edge
        for s in found.values()
        for edge in (s.mean - (s.spread or 0), s.mean + (s.spread or 0), *s.by_seed.values())
    ]
    lowest, highest = padded(reach)
    x = scale(lowest, highest, LEFT, WIDTH - RIGHT)
    height = TOP + ROW * len(found) + BOTTOM
    parts = [
        f'<path class="rule" d="M{x(value):.1f} {TOP}V{height - BOTTOM:.1f}"/>'
        f'<text x="{x(value):.1f}" y="{height - BOTTOM + 15:.1f}" text-anchor="middle">{tick_text(value)}</text>'
        for value in ticks(lowest, highest)
    ]
    parts.append(
        f'<text x="{(LEFT + WIDTH) / 2:.1f}" y="{height - 4:.1f}" text-anchor="middle">{primary_title(table)}</text>'
    )
    for index, (mechanism, summary) in enumerate(found.items()):
        y = TOP + ROW * (index + 0.5)
        title = f"{mechanism}: {mean_and_spread(summary, places(table.rows, table.primary))}"
        parts.append(name(mechanism, y))
        parts.append(line(summary, {k: x(v) for k, v in edges(summary).items()}, y, marks[mechanism], title))
        parts += [f'<circle class="seed-dot" cx="{x(v):.1f}" cy="{y:.1f}" r="2.2"/>' for v in seeds(summary)]
    what = escape(f"{table.title}: {primary_title(table)} of every mechanism")
    return f'<svg class="dots" viewBox="0 0 {WIDTH:.0f} {height:.0f}" role="img" aria-label="{what}">{"".join(parts)}</svg>'


def seeds(summary: Summary) -> list[float]:
    """The single values, where there are several."""
    return list(summary.by_seed.values()) if summary.seeds > 1 else []


def name(mechanism: str, y: float) -> str:
    """The mechanism's name, cut where it is too long."""
    shown = mechanism if len(mechanism) <= LETTERS else mechanism[: LETTERS - 1] + "…"
    return f'<text class="name" x="{LEFT - 12:.1f}" y="{y + 4:.1f}" text-anchor="end">{escape(shown)}</text>'


def edges(summary: Summary) -> dict[str, float]:
    """Mean, and mean ± s.d."""
    spread = summary.spread or 0.0
    return {"low": summary.mean - spread, "mean": summary.mean, "high": summary.mean + spread}


def line(summary: Summary, at: Mapping[str, float], y: float, mark: Mark, title: str) -> str:
    """The mean's mark, on a bar as long as its standard deviation."""
    bar = f'<path class="mean {mark.colour}" d="M{at["low"]:.1f} {y:.1f}H{at["high"]:.1f}"/>' if summary.spread else ""
    return bar + mark.at(at["mean"], y, 5.0, title=title)
