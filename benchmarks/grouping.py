"""Which runs stand in one table: those of one task, data and model, and of several comparisons only what may be compared."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from attnbench.benchmarks.comparison import Run
from attnbench.benchmarks.record import Record
from attnbench.benchmarks.sameness import differences, told

Key = tuple[str, str, str]  # task, data, model


class Group(NamedTuple):
    """The runs of one table. `place` names the comparison they were given in where another one has a table of the same task."""

    title: str
    runs: Sequence[Run]
    place: str = ""
    warning: str = ""


def grouped(records: Mapping[Path, Record], places: Sequence[Path], *, mixed: bool) -> list[Group]:
    """The tables' runs, by task, data and model, then in the order of places.

    `places` are the folders or files that records were asked from, a comparison each. What two of them hold of one task is one
    table if it was run under the same conditions, else a table for each; `mixed` makes it one all the same.
    """
    by_key: dict[Key, list[Run]] = defaultdict(list)
    for run in once(Run(folder, record) for folder, record in records.items()):
        by_key[run.record.task, run.record.data, run.record.model].append(run)
    titles, named = table_titles(list(by_key)), names(places)
    groups = []
    for key in sorted(by_key, key=natural):
        parts = [by_key[key]] if mixed else comparable(by_key[key], places)
        if len(parts) == 1:
            groups.append(Group(titles[key], parts[0]))
            continue
        differing = told(differences([run.record for run in by_key[key] if run.record.finished]))
        warning = f"comparisons of one task that stand apart: they differ in {differing}"
        for part in parts:
            place = called_after(part, places, named)
            groups.append(Group(f"{titles[key].removesuffix(')')}, {place})", part, place, warning))
    return groups


def natural(key: Key) -> list[list[str | float]]:
    """What tables are sorted by: numbers inside a name count as numbers, so that qa2 comes before qa10, 0.25 before 0.5."""
    parts = [re.split(r"(\d+(?:\.\d+)?)", name) for name in key]  # every second one is a number
    return [[float(part) if index % 2 else part for index, part in enumerate(each)] for each in parts]


def once(runs: Iterable[Run]) -> list[Run]:
    """Each cell once, the finished record where there are several."""
    cells: dict[str, Run] = {}
    for run in runs:
        known = cells.get(run.record.cell)
        if known is None or (run.record.finished and not known.record.finished):
            cells[run.record.cell] = run
    return list(cells.values())


def table_titles(keys: Sequence[Key]) -> dict[Key, str]:
    """`task (data)`, with the model where that alone would not tell two tables apart."""
    pairs = [key[:2] for key in keys]
    return {key: f"{key[0]} ({', '.join(key[1:] if pairs.count(key[:2]) > 1 else key[1:2])})" for key in keys}


def comparable(runs: Sequence[Run], places: Sequence[Path]) -> list[list[Run]]:
    """The runs place by place, those of places that differ in nothing that matters together. A place is never taken apart."""
    by_place: dict[Path | None, list[Run]] = defaultdict(list)
    for run in runs:
        by_place[origin(run.folder, places)].append(run)
    parts: list[list[Run]] = []
    for found in by_place.values():
        fitting = (part for part in parts if not differences([r.record for r in (*part, *found) if r.record.finished]))
        part = next(fitting, None)
        if part is None:
            parts.append(list(found))
        else:
            part += found
    return parts


def origin(folder: Path, places: Sequence[Path]) -> Path | None:
    """The first of the places that the folder is in, None if it is in none."""
    return next((place for place in places if folder.is_relative_to(place.parent if place.is_file() else place)), None)


def names(places: Sequence[Path]) -> dict[Path, str]:
    """What to call each place: its last part, or all of it where two end alike."""
    last = [place.name for place in places]
    return {place: place.name if last.count(place.name) == 1 else str(place) for place in places}


def called_after(part: Sequence[Run], places: Sequence[Path], named: Mapping[Path, str]) -> str:
    """The first place that the runs come from, and how many more there are."""
    found = list(dict.fromkeys(origin(run.folder, places) for run in part))
    first = "elsewhere" if found[0] is None else named[found[0]]
    return first if len(found) == 1 else f"{first} and {len(found) - 1} more"
