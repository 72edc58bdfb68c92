"""Mechanisms across tasks, drawn: interquartile means, the chance of improvement, performance profiles."""

from collections.abc import Mapping
from html import escape

from attnbench.benchmarks.comparison import Comparison
from attnbench.benchmarks.report import aggregates
from attnbench.benchmarks.report.axis import tick_text, ticks
from attnbench.benchmarks.report.dots import Dot, drawing
from attnbench.benchmarks.report.html_table import text_table
from attnbench.benchmarks.report.marks import Mark
from attnbench.benchmarks.report.plane import axes, band, figure, legend, line, owned, plane
from attnbench.benchmarks.statistics.across import Across, Aggregate

CHANCE = 0.5  # of improvement, where neither is better
EVERY = 10  # levels of a profile from one column of its table to the next


def overall(comparison: Comparison, marks: Mapping[str, Mark]) -> str:
    """The section; empty where no two tasks can be put on one scale."""
    found = comparison.across
    if found is None:
        return ""
    table = text_table(["mechanism", *aggregates.header(found)], aggregates.lines(found), "Aggregates across tasks")
    charts = means(found, marks) + improvements(found, marks) + profiles(found, marks)
    told = f'<p class="quiet">{escape(aggregates.explanation(found))}</p>'
    return f'<section id="across"><h2>Across tasks</h2>{table}<div class="charts">{charts}</div>{told}</section>'


def means(found: Across, marks: Mapping[str, Mark]) -> str:
    """Interquartile means."""
    return glance("Interquartile mean of normalised scores, 95 % interval", found.means, marks)


def improvements(found: Across, marks: Mapping[str, Mark]) -> str:
    """The chance that the mechanism with the highest interquartile mean is better than each other."""
    best = max(found.means, key=lambda name: found.means[name].value)
    others = {name: found.improvement[best, name] for name in found.means if name != best}
    return glance(f"P({best} better than …), 95 % interval; 0.5 is chance", others, marks, CHANCE)


def glance(
    title: str, found: Mapping[str, Aggregate], marks: Mapping[str, Mark], reference: float | None = None
) -> str:
    """A line a mechanism under a title, and a line that they are to be held against."""
    rows = {name: Dot(one.value, one.interval) for name, one in found.items()}
    drawn = drawing(rows, marks, "", title, 2, reference)
    return f'<figure class="chart"><figcaption>{escape(title)}</figcaption>{drawn}</figure>'


def profiles(found: Across, marks: Mapping[str, Mark]) -> str:
    """The share of runs above each normalised score, with bands."""
    levels = next(iter(found.profiles.values())).levels
    frame = plane((levels[0], levels[-1]), (-0.03, 1.03))
    drawn = ""
    for place, (name, one) in enumerate(found.profiles.items()):
        edges = list(zip(levels, zip(one.low, one.high, strict=True), strict=True))
        drawn += owned(place, band(frame, edges, marks[name]))
    for place, (name, one) in enumerate(found.profiles.items()):
        curve = f'<path class="mean {marks[name].colour}" d="{line(frame, zip(levels, one.shares, strict=True))}"/>'
        for index in range(EVERY, len(levels), EVERY):
            title = f"{name}: {one.shares[index]:.2f} of runs above {levels[index]:.2f}"
            curve += marks[name].at(frame.x(levels[index]), frame.y(one.shares[index]), 3.2, title=title)
        drawn += owned(place, curve)
    marked = {value: tick_text(value) for value in ticks(*frame.across)}
    head = ["share of runs above", *(f"{level:.2f}" for level in levels[::EVERY])]
    body = [[name, *(f"{share:.2f}" for share in one.shares[::EVERY])] for name, one in found.profiles.items()]
    title = "Performance profiles: the share of runs above a normalised score, 95 % bands"
    shown = axes(frame, "normalised score", marked) + drawn
    return figure(title, "Across tasks", shown, legend(found.profiles, marks), head, body)
