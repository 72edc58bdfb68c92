"""Learning curves as SVG: the mean over seeds with its 95 % interval as a band, a faint line a seed."""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import TypeVar

from attnbench.benchmarks.comparison import Row, Table
from attnbench.benchmarks.report.axis import padded, ticks
from attnbench.benchmarks.report.findings import in_sentence
from attnbench.benchmarks.report.marks import Mark
from attnbench.benchmarks.report.numbers import decimals, fixed, interval, label
from attnbench.benchmarks.report.plane import Plane, axes, band, figure, legend, line, owned, plane
from attnbench.benchmarks.statistics.student import Interval, mean_interval

SPLITS = {"val": "Validation", "train": "Training"}
MARKS = 12  # on a line, at most
Curve = Sequence[float | None]
Value = TypeVar("Value")


def seed_curves(row: Row, name: str) -> dict[int, Curve]:
    """The curves of a row's seeds that have any value."""
    found = {record.seed: record.curves.get(name, []) for record in row.records}
    return {seed: curve for seed, curve in found.items() if any(value is not None for value in curve)}


def at_epochs(curves: Sequence[Curve]) -> list[list[float] | None]:
    """The values of all seeds at each epoch; None where a seed has none, so that a line never changes whom it speaks for."""
    epochs = max(len(curve) for curve in curves)
    at = [[curve[epoch] if epoch < len(curve) else None for curve in curves] for epoch in range(epochs)]
    return [None if None in values else [v for v in values if v is not None] for values in at]


def mean_curve(curves: Sequence[Curve]) -> list[float | None]:
    """The mean over seeds at each epoch."""
    return [None if values is None else fmean(values) for values in at_epochs(curves)]


def intervals(curves: Sequence[Curve]) -> list[Interval | None]:
    """The 95 % interval of the mean at each epoch; None for one seed."""
    return [None if values is None else mean_interval(values) for values in at_epochs(curves)]


def by_epoch(values: Sequence[Value]) -> list[tuple[float, Value]]:
    """Each value beside its epoch, counted from 1."""
    return [(float(epoch), value) for epoch, value in enumerate(values, start=1)]


def chart(table: Table, name: str, marks: Mapping[str, Mark]) -> str:
    """The curves called `name` of all rows as a figure; empty where there are none."""
    rows = {row.mechanism: list(seed_curves(row, name).values()) for row in table.rows}
    found = {mechanism: curves for mechanism, curves in rows.items() if curves}
    if not found:
        return ""
    every = [curve for curves in found.values() for curve in curves]
    last = max(float(max(map(len, every))), 2.0)
    frame = plane((1.0, last), padded([value for curve in every for value in curve if value is not None], 0.1))
    marked = {value: f"{value:.0f}" for value in ticks(1.0, last, 8) if value == int(value)}
    drawn = "".join(owned(i, spread(frame, curves, marks[one])) for i, (one, curves) in enumerate(found.items()))
    drawn += "".join(owned(i, lines(frame, *one, marks[one[0]])) for i, one in enumerate(found.items()))
    title = titled(name)
    title += ", mean and 95 % interval over seeds" if 'class="band' in drawn else ""
    means = {mechanism: mean_curve(curves) for mechanism, curves in found.items()}
    places = decimals(name.partition("/")[2], [v for mean in means.values() for v in mean if v is not None])
    epochs = range(max(len(mean) for mean in means.values()))
    body = [
        [mechanism, *(fixed(mean[epoch] if epoch < len(mean) else None, places) for epoch in epochs)]
        for mechanism, mean in means.items()
    ]
    return figure(
        title,
        table.title,
        axes(frame, "epoch", marked) + drawn,
        legend(found, marks),
        ["epoch", *(str(epoch + 1) for epoch in epochs)],
        body,
    )


def titled(name: str) -> str:
    """What a curve shows: `val/bleu` is validation BLEU, `train/attention/entropy` the training's own."""
    split, _, measure = name.partition("/")
    of_draws = " of hard attention's draws" if measure.startswith("attention/") else ""
    return f"{SPLITS[split]} {in_sentence(label(measure.removeprefix('attention/')))}{of_draws} by epoch"


def spread(frame: Plane, curves: Sequence[Curve], mark: Mark) -> str:
    """The band, and a faint line a seed where there are several."""
    seeds = "".join(f'<path class="seed {mark.colour}" d="{line(frame, by_epoch(c))}"/>' for c in curves)
    return band(frame, by_epoch(intervals(curves)), mark) + (seeds if len(curves) > 1 else "")


def lines(frame: Plane, mechanism: str, curves: Sequence[Curve], mark: Mark) -> str:
    """The mean with its marks."""
    mean, edges = mean_curve(curves), intervals(curves)
    every = max(1, len(mean) // MARKS)
    points = [
        mark.at(
            frame.x(epoch),
            frame.y(value),
            3.2,
            title=f"{mechanism}, epoch {epoch}: {value:.4g}{interval(edges[epoch - 1], 3)}",
        )
        for epoch, value in enumerate(mean, start=1)
        if value is not None and (epoch % every == 0 or epoch == len(mean))
    ]
    return f'<path class="mean {mark.colour}" d="{line(frame, by_epoch(mean))}"/>{"".join(points)}'
