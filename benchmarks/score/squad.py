"""`attnbench score squad`: answers as {id: text} against references in SQuAD's form, by the rules of SQuAD's evaluation."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rich import box
from rich.console import Console
from rich.table import Table

from attnbench.benchmarks.errors import InputError
from attnbench.benchmarks.provenance import versions
from attnbench.benchmarks.record import write_json
from attnbench.benchmarks.report.numbers import fixed
from attnbench.benchmarks.score.options import Parser, refuse_odd_out
from attnbench.tasks.source import DataError
from attnbench.tasks.spans.entries import entries, parsed
from attnbench.tasks.spans.measures import each_answer, mean

TITLES = {"exact_match": "exact match", "f1": "F1"}
SHOWN = 3  # ids named in a message


class Matched(NamedTuple):
    """Questions with their answers and references, in the references' order; and those that have no prediction."""

    names: list[str]
    said: list[str]
    truth: list[list[str]]
    missing: list[str]


def score_squad(arguments: Sequence[str]) -> None:
    """Reads, scores, prints, writes. Raises InputError or DataError before anything is written."""
    parser = Parser("squad", 'Scores answers, {"id": "text", ...}, against references in SQuAD v1.1\'s form.')
    given = parser.parse_args(list(arguments))
    refuse_odd_out(given.out, each=given.each)
    for name in ("predictions", "references"):
        if not getattr(given, name).is_file():
            raise InputError(f"--{name} {getattr(given, name)}: no such file")
    found = matched(given.predictions, given.references, partial=given.partial)
    each = each_answer(found.said, found.truth)
    if not given.partial:  # the evaluation counts what is not answered as wrong
        each = {name: values + [0.0] * len(found.missing) for name, values in each.items()}
    scores = {name: mean(each[name]) for name in TITLES}
    show(found, scores, partial=given.partial)
    if given.out is not None:
        write_json(given.out, told(found, scores, each if given.each else None, partial=given.partial), indent=1)
        Console().print(f"results: {given.out}", markup=False, highlight=False, soft_wrap=True)


def matched(predictions: Path, references: Path, *, partial: bool) -> Matched:
    """The questions of both files. Raises DataError where a file is not what it should be, or an answer has no question."""
    said, truth = answers(predictions), questions(references)
    strangers = [name for name in said if name not in truth]
    if strangers:
        raise DataError(
            f"{predictions}: {named(strangers)}: no such question in {references}; remove what is not asked"
        )
    names = [name for name in truth if name in said]
    if partial and not names:
        raise DataError(f"{predictions}: holds no answers; --partial leaves nothing to score")
    missing = [name for name in truth if name not in said]
    return Matched(names, [said[name] for name in names], [truth[name] for name in names], missing)


def answers(path: Path) -> dict[str, str]:
    """Each id's answer, which may be empty. Raises DataError."""
    found = parsed(path)
    if not isinstance(found, dict):
        raise DataError(f'{path}: must be an object of answers, {{"id": "text", ...}}')
    for name, text in found.items():
        if not isinstance(text, str):
            raise DataError(f"{path}: the answer of {name} is {str(text)[:40]!r}; must be a string")
    return found


def questions(path: Path) -> dict[str, list[str]]:
    """Each id's references. Raises DataError."""
    truth: dict[str, list[str]] = {}
    for entry in entries(path):
        if entry.name in truth:
            raise DataError(f"{path}: question {entry.name} is there twice; remove one")
        if not entry.answers:
            raise DataError(f"{path}: question {entry.name} has no answer; SQuAD 2.0's form is not scored")
        truth[entry.name] = [text for text, _ in entry.answers]
    if not truth:
        raise DataError(f"{path}: holds no questions")
    return truth


def named(names: Sequence[str]) -> str:
    """`id x`, `5 ids (x, y, z, ...)`."""
    if len(names) == 1:
        return f"id {names[0]}"
    return f"{len(names)} ids ({', '.join(names[:SHOWN])}{', ...' if len(names) > SHOWN else ''})"


def show(found: Matched, scores: Mapping[str, float], *, partial: bool) -> None:
    """Prints the figures as a table, and what they were counted on."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("measure")
    table.add_column("score", justify="right")
    for name, value in scores.items():
        table.add_row(TITLES[name], fixed(value, 2))
    console = Console()
    console.print(table)
    lines = [f"{len(found.names) + (0 if partial else len(found.missing))} questions"]
    if found.missing:
        rule = "are left out" if partial else "count 0; --partial leaves them out"
        lines.append(f"{named(found.missing)} of {len(found.names) + len(found.missing)} without prediction: {rule}")
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def told(
    found: Matched, scores: Mapping[str, float], each: Mapping[str, Sequence[float]] | None, *, partial: bool
) -> dict[str, Any]:
    """What goes into the file."""
    names = found.names if partial else [*found.names, *found.missing]
    rows = [
        {"id": name, **{measure: values[index] for measure, values in (each or {}).items()}}
        for index, name in enumerate(names)
    ]
    return {
        "kind": "squad",
        "scores": dict(scores),
        "questions": len(names),
        "questions_without_prediction": found.missing,
        "versions": versions(),
        **({} if each is None else {"each": rows}),
    }
