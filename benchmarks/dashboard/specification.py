"""What a dashboard shows, as plain values: which runs, which panels, of which metrics."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from attnbench.benchmarks.errors import InputError
from attnbench.benchmarks.grouping import table_titles
from attnbench.benchmarks.record import Record
from attnbench.benchmarks.report.numbers import label
from attnbench.benchmarks.wandb_mode import Project

AXES = ("task", "data", "model")  # config keys that tell one table's runs from another's
GROUP = "attention"  # the config key whose values are compared: what shares one stands together
EPOCH = "epoch"
LOSSES = ("val/nll", "train/nll")
COSTS = ("parameters", "flops_per_example", "seconds", "step_seconds", "symbols_per_second", "peak_memory_bytes")


@dataclass(frozen=True)
class Panel:
    """One plot. A line and a bar are means over the runs of a group with their spread; a scatter has a point a run."""

    kind: Literal["line", "bar", "scatter", "media"]
    title: str
    metric: str
    x: str | None = None  # what it is drawn over; a bar and pictures have none


@dataclass(frozen=True)
class Section:
    """Panels under one heading."""

    name: str
    panels: list[Panel]


@dataclass(frozen=True)
class View:
    """All that is shown of one task on one data set with one model: of the runs whose config has these values."""

    title: str
    runs: Mapping[str, str]
    group: str
    sections: list[Section]


@dataclass(frozen=True)
class Dashboard:
    """The views of a project, and whose it is."""

    entity: str
    project: str
    title: str
    views: list[View]


def dashboard(records: Iterable[Record], project: Project) -> Dashboard:
    """The dashboard of all finished runs: a view for each table that a comparison of them has. Raises InputError."""
    tables: dict[tuple[str, str, str], list[Record]] = defaultdict(list)
    for record in records:
        if record.finished:
            tables[record.task, record.data, record.model].append(record)
    if not tables:
        raise InputError("no cell has finished; a dashboard shows those that have")
    titles = table_titles(list(tables))
    views = [view(titles[key], tables[key]) for key in sorted(tables)]
    return Dashboard(str(project.entity), project.name, f"Attention mechanisms: {project.name}", views)


def view(title: str, records: list[Record]) -> View:
    """The view of one table's runs, which share task, data and model."""
    first = records[0]
    found = {
        "Quality": quality(records),
        "Learning curves": curves(records),
        "Attention": [bar(f"test/attention/{name}") for name in known(r.attention_quality for r in records)],
        "Cost": costs(records),
        "Examples": [Panel("media", "Where it looked", "test/attention")],
    }
    sections = [Section(name, panels) for name, panels in found.items() if panels]
    return View(title, {"task": first.task, "data": first.data, "model": first.model}, GROUP, sections)


def known(parts: Iterable[Mapping[str, object]]) -> list[str]:
    """The names that have a value in any of them."""
    return list(dict.fromkeys(name for part in parts for name, value in part.items() if value is not None))


def bar(metric: str) -> Panel:
    """A bar a mechanism."""
    return Panel("bar", label(metric.rpartition("/")[2]), metric)


def quality(records: list[Record]) -> list[Panel]:
    """Test measures, the primary one first."""
    primary = records[0].primary
    names = known(record.measures for record in records)
    return [bar(f"test/{name}") for name in sorted(names, key=lambda name: name != primary)]


def curves(records: list[Record]) -> list[Panel]:
    """The primary measure on validation, and the losses, over epochs."""
    logged = {name for record in records for name in record.curves}
    wanted = dict.fromkeys((f"val/{records[0].primary}", *LOSSES))
    return [Panel("line", titled(name), name, x=EPOCH) for name in wanted if name in logged]


def titled(name: str) -> str:
    """`val/bleu` as words."""
    split, _, measure = name.partition("/")
    return f"{label(measure)}, {'validation' if split == 'val' else 'training'}"


def costs(records: list[Record]) -> list[Panel]:
    """The primary measure over each cost."""
    primary = records[0].primary
    return list(scatters(primary, known(record.cost for record in records)))


def scatters(primary: str, names: Iterable[str]) -> Iterator[Panel]:
    """A plot a cost, in the order of COSTS."""
    there = set(names)
    for name in COSTS:
        if name in there:
            yield Panel("scatter", f"{label(primary)} by {label(name)}", f"test/{primary}", x=f"cost/{name}")
