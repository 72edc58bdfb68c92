"""Learning curves as SVG: a line a mechanism, a faint line a seed."""

from collections.abc import Callable, Mapping, Sequence
from html import escape
from statistics import fmean
from typing import NamedTuple

from attnbench.benchmarks.comparison import Row, Table
from attnbench.benchmarks.report.axis import padded, scale, tick_text, ticks
from attnbench.benchmarks.report.findings import in_sentence
from attnbench.benchmarks.report.marks import Mark
from attnbench.benchmarks.report.numbers import decimals, fixed, label

WIDTH, HEIGHT = 460.0, 250.0
LEFT, RIGHT, TOP, BOTTOM = 46.0, 12.0, 10.0, 36.0
SPLITS = {"val": "Validation", "train": "Training"}
Curve = Sequence[float | None]


class Frame(NamedTuple):
    """Where epochs and values lie on the drawing."""

    x: Callable[[float], float]
    y: Callable[[float], float]
    epochs: int
    lowest: float
    highest: float


def seed_curves(row: Row, name: str) -> dict[int, Curve]:
    """The curves of a row's seeds that have any value."""
    found = {record.seed: record.curves.get(name, []) for record in row.records}
    return {seed: curve for seed, curve in found.items() if any(value is not None for value in curve)}


def mean_curve(curves: Sequence[Curve]) -> list[float | None]:
    """The mean over seeds at each epoch; a gap where a seed has no value, so that the line never changes whom it speaks for."""
    epochs = max(len(curve) for curve in curves)
    at = [[curve[epoch] if epoch < len(curve) else None for curve in curves] for epoch in range(epochs)]
    return [None if any(v is None for v in values) else fmean(v for v in values if v is not None) for values in at]


def framed(curves: Sequence[Curve]) -> Frame:
    """The frame that holds all curves."""
    epochs = max(len(curve) for curve in curves)
    lowest, highest = padded([value for curve in curves for value in curve if value is not None])
    x = scale(1.0, max(float(epochs), 2.0), LEFT, WIDTH - RIGHT)
    return Frame(x, scale(lowest, highest, HEIGHT - BOTTOM, TOP), epochs, lowest, highest)


def chart(table: Table, name: str, marks: Mapping[str, Mark]) -> str:
    """The curves called `name` of all rows as a figure; empty where there are none."""
    found = {row.mechanism: seed_curves(row, name) for row in table.rows}
    found = {mechanism: curves for mechanism, curves in found.items() if curves}
    if not found:
        return ""
    frame = framed([curve for curves in found.values() for curve in curves.values()])
    title = titled(name)
    drawn = "".join(lines(frame, mechanism, curves, marks[mechanism]) for mechanism, curves in found.items())
    legend = "".join(f"<li>{marks[mechanism].swatch}{escape(mechanism)}</li>" for mechanism in found)
    return (
        f'<figure class="chart"><figcaption>{escape(title)}</figcaption>'
        f'<svg viewBox="0 0 {WIDTH:.0f} {HEIGHT:.0f}" role="img" aria-label="{escape(table.title)}: {escape(title)}">'
        f'{axes(frame)}{drawn}</svg><ul class="legend">{legend}</ul>{values(name, found)}</figure>'
    )


def titled(name: str) -> str:
    """What a curve shows: `val/bleu` is validation BLEU, `train/attention/entropy` the training's own."""
    split, _, measure = name.partition("/")
    of_draws = " of hard attention's draws" if measure.startswith("attention/") else ""
    return f"{SPLITS[split]} {in_sentence(label(measure.removeprefix('attention/')))}{of_draws} by epoch"


def axes(frame: Frame) -> str:
    """Grid lines, numbers and the name of the x axis."""
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    parts = []
    for value in ticks(frame.lowest, frame.highest):
        y = frame.y(value)
        parts.append(f'<path class="rule" d="M{LEFT:.1f} {y:.1f}H{right:.1f}"/>')
        parts.append(f'<text x="{LEFT - 6:.1f}" y="{y + 4:.1f}" text-anchor="end">{tick_text(value)}</text>')
    for value in ticks(1.0, max(float(frame.epochs), 2.0), 8):
        if value == int(value) and value <= frame.epochs:
            parts.append(
                f'<text x="{frame.x(value):.1f}" y="{bottom + 16:.1f}" text-anchor="middle">{value:.0f}</text>'
            )
    parts.append(f'<text x="{(LEFT + right) / 2:.1f}" y="{HEIGHT - 4:.1f}" text-anchor="middle">epoch</text>')
    return "".join(parts)


def lines(frame: Frame, mechanism: str, curves: Mapping[int, Curve], mark: Mark) -> str:
    """A faint line a seed, and their mean with its marks."""
    faint = "".join(f'<path class="seed {mark.colour}" d="{path(frame, curve)}"/>' for curve in curves.values())
    mean = mean_curve(list(curves.values()))
    every = max(1, len(mean) // 12)
    points = [
        mark.at(frame.x(epoch), frame.y(value), 3.2, title=f"{mechanism}, epoch {epoch}: {value:.4g}")
        for epoch, value in enumerate(mean, start=1)
        if value is not None and (epoch % every == 0 or epoch == len(mean))
    ]
    return (
        f'{faint if len(curves) > 1 else ""}<path class="mean {mark.colour}" d="{path(frame, mean)}"/>{"".join(points)}'
    )


def path(frame: Frame, curve: Curve) -> str:
    """SVG path data, broken where a value is missing."""
    parts, pen = [], "M"
    for epoch, value in enumerate(curve, start=1):
        if value is None:
            pen = "M"
            continue
        parts.append(f"{pen}{frame.x(epoch):.1f} {frame.y(value):.1f}")
        pen = "L"
    return "".join(parts)


def values(name: str, found: Mapping[str, Mapping[int, Curve]]) -> str:
    """The mean curves as a table, for those who cannot see or want the numbers."""
    means = {mechanism: mean_curve(list(curves.values())) for mechanism, curves in found.items()}
    places = decimals(name.partition("/")[2], [v for mean in means.values() for v in mean if v is not None])
    epochs = range(max(len(mean) for mean in means.values()))
    head = "".join(f'<th scope="col">{epoch + 1}</th>' for epoch in epochs)
    body = "".join(
        f'<tr><th scope="row">{escape(mechanism)}</th>'
        + "".join(f"<td>{fixed(mean[epoch] if epoch < len(mean) else None, places)}</td>" for epoch in epochs)
        + "</tr>"
        for mechanism, mean in means.items()
    )
    table = f'<table><thead><tr><th scope="col">epoch</th>{head}</tr></thead><tbody>{body}</tbody></table>'
    return f'<details><summary>Values</summary><div class="scroll" tabindex="0">{table}</div></details>'
