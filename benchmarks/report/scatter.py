"""Scatters of one task: quality against each cost with its Pareto front, and against how well attention looks."""

from collections.abc import Mapping, Sequence

from attnbench.benchmarks.comparison import Row, Summary, Table, summary
from attnbench.benchmarks.report.apart import apart
from attnbench.benchmarks.report.axis import reach, tick_text, ticks
from attnbench.benchmarks.report.findings import in_sentence
from attnbench.benchmarks.report.grid import places, titled
from attnbench.benchmarks.report.marks import Mark
from attnbench.benchmarks.report.numbers import (
    AMOUNTS,
    COSTS,
    GAINS,
    amount,
    cost,
    decimals,
    fixed,
    interval,
    label,
    scaled,
)
from attnbench.benchmarks.report.pareto import Standing, front
from attnbench.benchmarks.report.plane import Plane, axes, figure, inside, legend, owned, plane

GOLD = ("mass_on_gold", "pointing_hit", "alignment_error_rate", "evidence_hit", "evidence_mass")
SPREAD = "step_seconds_spread"  # what is no cost: it tells how steady one is
SPENT = [name for name in COSTS if name not in (*GAINS, SPREAD)]
Points = Mapping[str, tuple[Summary, Summary]]


def cost_charts(table: Table, marks: Mapping[str, Mark]) -> str:
    """A chart a cost that is not the same for all."""
    return "".join(cost_chart(table, name, marks) for name in SPENT if name not in alike(table))


def cost_chart(table: Table, name: str, marks: Mapping[str, Mark]) -> str:
    """The primary measure against one cost; empty where fewer than two mechanisms have both."""
    points = paired(table, {row.mechanism: spent(row, name) for row in table.rows})
    if len(points) < 2:
        return ""
    sign = 1 if table.higher_is_better else -1
    standing = {one: Standing(x.mean, sign * y.mean) for one, (x, y) in points.items()}
    best = front(standing)
    frame = framed(points)
    marked = {value: amount(value) if name in AMOUNTS else tick_text(value) for value in ticks(*frame.across)}
    steps = staircase(frame, [(points[one][0].mean, points[one][1].mean) for one in best])
    shown = {row.mechanism: cost(name, row.cost.get(name)) for row in table.rows}
    drawn = axes(frame, spoken(name), marked) + steps + dots(table, frame, points, shown, marks, best)
    body = [[one, shown[one], primary(table, y), "yes" if one in best else "no"] for one, (_, y) in points.items()]
    head = ["mechanism", spoken(name), titled(table, table.primary), "on the front"]
    title = f"{label(table.primary)} against {in_sentence(spoken(name))}"
    return figure(title, table.title, drawn, legend(points, marks), head, body)


def spent(row: Row, name: str) -> Summary | None:
    """The row's cost in the unit that its label names."""
    found = row.cost.get(name)
    return found and summary({seed: scaled(name, value) for seed, value in found.by_seed.items()})


def alike(table: Table) -> list[str]:
    """The costs that are the same for all mechanisms."""
    found = {name: [row.cost[name].mean for row in table.rows if name in row.cost] for name in SPENT}
    return [name for name, means in found.items() if means and min(means) == max(means)]


def undrawn(table: Table) -> str:
    """The costs that are the same for all, and those that no run of the table could read."""
    same = [spoken(name) for name in alike(table)]
    missing = [spoken(name) for name in SPENT if not any(name in row.cost for row in table.rows)]
    told = [f"Same for all: {', '.join(map(in_sentence, same))}."] if same else []
    return " ".join([*told, f"Not recorded: {', '.join(map(in_sentence, missing))}."] if missing else told)


def spoken(name: str) -> str:
    """A cost's label that can stand alone."""
    return "Attention's parameters" if name == "attention_parameters" else label(name)


def gold_charts(table: Table, marks: Mapping[str, Mark]) -> str:
    """The primary measure against each measure of where attention should look; empty where there is no gold."""
    return "".join(gold_chart(table, name, marks) for name in GOLD)


def gold_chart(table: Table, name: str, marks: Mapping[str, Mark]) -> str:
    """One of them; of a mechanism that has both."""
    points = paired(table, {row.mechanism: looked(row, name) for row in table.rows})
    if len(points) < 2:
        return ""
    frame = framed(points)
    digits = decimals(name, [x.mean for x, _ in points.values()])
    marked = {value: tick_text(value) for value in ticks(*frame.across)}
    shown = {one: f"{fixed(x.mean, digits)}{interval(x.interval, digits)}" for one, (x, _) in points.items()}
    drawn = axes(frame, titled(table, name), marked) + dots(table, frame, points, shown, marks, points)
    body = [[one, shown[one], primary(table, y)] for one, (_, y) in points.items()]
    title = f"{label(table.primary)} beside {in_sentence(label(name))}"
    head = ["mechanism", titled(table, name), titled(table, table.primary)]
    return figure(title, table.title, drawn, legend(points, marks), head, body)


def looked(row: Row, name: str) -> Summary | None:
    """How well the row's attention looks; some tasks count it among their measures."""
    return row.attention_quality.get(name) or row.measures.get(name)


def paired(table: Table, others: Mapping[str, Summary | None]) -> Points:
    """The mechanisms that have both the other figure and the primary measure."""
    rows = [row for row in table.rows if table.primary in row.measures]
    return {row.mechanism: (x, row.measures[table.primary]) for row in rows if (x := others[row.mechanism]) is not None}


def primary(table: Table, found: Summary) -> str:
    """The primary measure with its interval."""
    digits = places(table.rows, table.primary)
    return f"{fixed(found.mean, digits)}{interval(found.interval, digits)}"


def framed(points: Points) -> Plane:
    """The plane that holds all means."""
    x, y = ([pair[axis] for pair in points.values()] for axis in (0, 1))
    return plane(reach([one.mean for one in x], []), reach([one.mean for one in y], [one.interval for one in y]))


def dots(
    table: Table,
    frame: Plane,
    points: Points,
    shown: Mapping[str, str],
    marks: Mapping[str, Mark],
    strong: Sequence[str] | Points,
) -> str:
    """A mark a mechanism on the interval of its primary measure, fainter where it is not among the strong."""
    parts = []
    at = [frame.x(x.mean) for x, _ in points.values()]
    at = apart(at) if any(y.interval for _, y in points.values()) else at
    for index, (one, (_, y)) in enumerate(points.items()):
        title = f"{one}: {shown[one]}; {label(table.primary)} {primary(table, y)}"
        mark = marks[one].at(at[index], frame.y(y.mean), 5.0, title=title)
        css = "" if one in strong else "beaten"
        parts.append(owned(index, error(frame, at[index], y, marks[one]) + mark, css))
    return "".join(parts)


def error(frame: Plane, x: float, found: Summary, mark: Mark) -> str:
    """The interval of the primary measure as a line at x, cut at the plane's edges."""
    if found.interval is None:
        return ""
    low, high = (frame.y(inside(frame, edge)) for edge in found.interval)
    return f'<path class="mean error {mark.colour}" d="M{x:.1f} {low:.1f}V{high:.1f}"/>'


def staircase(frame: Plane, best: Sequence[tuple[float, float]]) -> str:
    """The front: from each of its points along the quality that its cost buys to the next."""
    if not best:
        return ""
    (x, y), *rest = best
    steps = "".join(f"H{frame.x(cost_):.1f}V{frame.y(quality):.1f}" for cost_, quality in rest)
    return f'<path class="front" d="M{frame.x(x):.1f} {frame.y(y):.1f}{steps}H{frame.x(frame.across[1]):.1f}"/>'
