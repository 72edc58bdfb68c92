"""What the page's attention explorer shows: the same test examples under every mechanism, with where each looked."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import TypeAdapter

from attnbench.benchmarks.comparison import Row, Run, Table
from attnbench.benchmarks.exhibit import Exhibit
from attnbench.benchmarks.record import RecordError, read_json, without_nan
from attnbench.benchmarks.report.marks import Mark
from attnbench.benchmarks.report.numbers import decimals, fixed, label
from attnbench.benchmarks.samples import examples_of

PICTURE = re.compile(r"data:image/(png|jpeg);base64,[A-Za-z0-9+/=]+")
READER = TypeAdapter(Exhibit)
LONG = 45  # memory words above which a matrix would not fit a page: the text itself is coloured


class Shown(NamedTuple):
    """An example as one mechanism's run saw it, and what it scored on the primary measure."""

    row: Row
    run: Run
    exhibit: Exhibit
    score: str


def examples(table: Table, marks: Mapping[str, Mark]) -> list[dict[str, Any]]:
    """Examples in their order, each with a panel a mechanism; an example is the same where index and truth are."""
    groups: dict[tuple[int, tuple[str, ...]], list[Shown]] = {}
    for row in table.rows:
        for shown in of_row(row, table.primary):
            groups.setdefault((shown.exhibit.index, tuple(shown.exhibit.truth)), []).append(shown)
    return [example(groups[key], marks) for key in sorted(groups)]


def of_row(row: Row, primary: str) -> Iterator[Shown]:
    """The examples of the row's first seed that kept any."""
    for run in row.runs:
        kept = kept_in(run.folder)
        if kept:
            scores = (examples_of(run.folder) or {"each": {}})["each"].get(primary, [])
            places = decimals(primary, [value for value in scores if value is not None])
            for exhibit in kept:
                scored = scores[exhibit.index] if exhibit.index < len(scores) else None
                score = "" if scored is None else f"{label(primary)} {fixed(scored, places)}"
                yield Shown(row, run, exhibit, score)
            return


def kept_in(folder: Path) -> list[Exhibit]:
    """What the run kept to be drawn. Raises RecordError where the file is damaged."""
    path = folder / "exhibits.json"
    found = [exhibit_of(raw) for raw in read_json(path, list[Exhibit]) or []]
    for exhibit in found:
        if not fits(exhibit):
            raise RecordError(
                f"{path}: damaged (example {exhibit.index}: weights or gold of another size); run its cell again"
            )
    return found


def fits(exhibit: Exhibit) -> bool:
    """Whether rows of weights, and of gold where there is some, are at most one a query, and each holds every place of memory."""
    parts = [rows for rows in (exhibit.weights, exhibit.gold) if rows is not None]
    lengths = {len(row) for rows in parts for row in rows} | ({len(exhibit.memory)} if exhibit.memory else set())
    return exhibit.index >= 0 and len(lengths) < 2 and all(len(rows) <= len(exhibit.queries) for rows in parts)


def exhibit_of(raw: Mapping[str, Any]) -> Exhibit:
    """An exhibit from its JSON, in which the grid is a list and NaN null; keys that it does not know are left."""
    return READER.validate_python(raw)


def kind(exhibit: Exhibit) -> str:
    """How it is drawn: over the picture, as a coloured text, or as a matrix."""
    if exhibit.grid:
        return "picture"
    return "text" if len(exhibit.queries) == 1 or len(exhibit.memory) > LONG else "matrix"


def example(shown: list[Shown], marks: Mapping[str, Mark]) -> dict[str, Any]:
    """What all panels share, and the panels."""
    first = shown[0].exhibit
    return {
        "number": first.index + 1,
        "kind": kind(first),
        "truth": first.truth,
        "image": first.image if first.image and PICTURE.fullmatch(first.image) else None,
        "grid": first.grid,
        "panels": [panel(one, marks[one.row.mechanism]) for one in shown],
    }


def panel(shown: Shown, mark: Mark) -> dict[str, Any]:
    """One mechanism's part. Gold is given as the positions in each query's row."""
    exhibit = shown.exhibit
    gold = None if exhibit.gold is None else [[i for i, is_gold in enumerate(row) if is_gold] for row in exhibit.gold]
    return {
        "mechanism": shown.row.mechanism,
        "colour": mark.colour,
        "seed": shown.run.record.seed,
        "score": shown.score,
        "place": exhibit.place,
        "said": exhibit.said,
        "queries": exhibit.queries,
        "memory": exhibit.memory,
        "weights": without_nan(exhibit.weights),
        "gold": gold,
    }
