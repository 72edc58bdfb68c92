"""The command `attnbench answer RUN`: what a run's model answers from any text, and what of it agrees with the question."""

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from attnbench.benchmarks.arguments import Arguments
from attnbench.benchmarks.errors import InputError, one_line
from attnbench.benchmarks.record import read_record
from attnbench.benchmarks.restored import restored
from attnbench.tasks.base import Prediction
from attnbench.tasks.source import DataError
from attnbench.tasks.spans import Spans
from attnbench.tasks.spans.tokens import words_of

LOOKS = 5  # that are told of
END = re.compile(r"[.!?]['\")\]’”]*\s+|\n\s*\n")  # of a sentence, and what stands behind it


class Parser(Arguments):
    """What the command line may say."""

    def __init__(self) -> None:
        super().__init__("attnbench answer", __doc__)
        self.add_argument("run", type=Path, metavar="RUN", help="a run's folder, which holds record.json and best.ckpt")
        self.add_argument("--document", type=Path, required=True, metavar="FILE", help="the text, in UTF-8")
        self.add_argument("--question", required=True, metavar="TEXT", help="what is asked of it")
        self.add_argument(
            "--data-dir", default=os.environ.get("ATTNBENCH_DATA"), help="where data sets lie (ATTNBENCH_DATA)"
        )


class Look(NamedTuple):
    """A word of the document, the word of the question that it looked at most, and how much."""

    word: str
    asked: str
    weight: float


def answer(arguments: Sequence[str]) -> None:
    """Prints the answer, its confidence and the evidence. Raises InputError, DataError."""
    given = Parser().parse_args(arguments)
    record = read_record(given.run)
    if record.task != Spans.name:
        raise InputError(f"{given.run}: the run's task is {record.task}; only runs of task=spans answer questions")
    text = document(given.document)
    run = restored(given.run, {"data_dir": given.data_dir, "cache_dir": os.environ.get("ATTNBENCH_CACHE")}, {})
    task = run.task
    assert isinstance(task, Spans)
    count = len(words_of(given.question).words)
    if not 1 <= count <= task.longest_question:
        raise InputError(f"--question: has {count} words; must have 1 to {task.longest_question}")
    rows = {"id": ["-"], "document": [text], "question": [given.question], "answers": [[]], "starts": [[]]}
    prediction = run.model.predict(task.collate(rows))
    for line in told(text, prediction):
        print(line)  # noqa: T201


def document(path: Path) -> str:
    """The text. Raises InputError, DataError where there is none to be read."""
    if not path.is_file():
        raise InputError(f"--document {path}: no such file")
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise DataError(f"--document {path}: line {line} is not UTF-8; convert the text") from None
    if not words_of(text).words:
        raise DataError(f"--document {path}: has no word")
    return text


def told(text: str, prediction: Prediction) -> list[str]:
    """The answer, its confidence, its sentence, and the words of that which looked most surely, a line each."""
    about, said = json.loads(prediction.about[0]), prediction.said[0]
    start, end = sentence(text, about["start"], about["start"] + len(said))
    looks = ", ".join(f"{look.word} → {look.asked} {look.weight:.2f}" for look in looked(text, prediction, start, end))
    return [
        f"answer:      {one_line(said)}",
        f"confidence:  {about['confidence']:.3f}",
        f"sentence:    {one_line(text[start:end])}",
        f"looked:      {looks or 'nowhere'}",
    ]


def sentence(text: str, start: int, end: int) -> tuple[int, int]:
    """From where to where the sentences go that hold text[start:end], by their marks and by blank lines."""
    breaks = [match.end() for match in END.finditer(text)]
    return max((at for at in breaks if at <= start), default=0), min(
        (at for at in breaks if at >= end), default=len(text)
    )


def looked(text: str, prediction: Prediction, start: int, end: int) -> list[Look]:
    """What the sentence's words looked at most in the question, the surest first."""
    words, asked = words_of(text), prediction.memory[0]
    inside = words.covering(start, end)
    assert inside is not None
    weights = prediction.alignments[0].weights[0, :, : len(asked)].float()
    looks = [
        Look(words.words[place], asked[int(weights[place].argmax())], weights[place].max().item())
        for place in range(inside[0], inside[1] + 1)
        if any(character.isalnum() for character in words.words[place])
    ]
    return sorted((look for look in looks if look.weight > 0), key=lambda look: -look.weight)[:LOOKS]
