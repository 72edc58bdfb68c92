"""The bAbI tasks from their files (Weston et al. 2015)."""

import hashlib
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar, Literal, cast, get_args

from datasets import Dataset, DatasetDict

from attnbench.tasks.babi.lines import Question, read_stories
from attnbench.tasks.source import SPLITS, DataError, Findings, Source, file_checksum, found

Size = Literal["1k", "10k"]
FOLDERS: Mapping[Size, str] = {"1k": "en", "10k": "en-10k"}
HELD_OUT = 10  # one story in so many of the training file validates
NAMES = (
    "single-supporting-fact",
    "two-supporting-facts",
    "three-supporting-facts",
    "two-arg-relations",
    "three-arg-relations",
    "yes-no-questions",
    "counting",
    "lists-sets",
    "simple-negation",
    "indefinite-knowledge",
    "basic-coreference",
    "conjunction",
    "compound-coreference",
    "time-reasoning",
    "basic-deduction",
    "basic-induction",
    "positional-reasoning",
    "size-reasoning",
    "path-finding",
    "agents-motivations",
)
ALL = tuple(range(1, len(NAMES) + 1))


class Kind(StrEnum):
    """Every kind of finding there is."""

    ABSENT = "task without training file"


class BabiFiles(Source):
    """One task of bAbI, some, or all together, below `data_dir`/babi in the folders of the original archive, gzipped or not.

    `tasks` is a number from 1 to 20, a list of numbers, or `all`; `size` says which training files, those of 1,000 or of 10,000
    questions. Of each, the last tenth of the stories validates. Test questions are those of the folder en. `all` leaves a task
    out whose training file is not there, and says so in its findings; one that is asked for by number must be there.
    Columns facts (a list of sentences), question, answer (words with commas between them), support (places among the facts, in
    the file's order) and task (qa1 to qa20).
    """

    name: ClassVar[str] = "babi"

    def __init__(self, *, data_dir: str | None, size: Size, tasks: int | Sequence[int] | str) -> None:
        if size not in get_args(Size):
            raise ValueError(f"size={size}: must be one of {', '.join(get_args(Size))}")
        several = isinstance(tasks, Sequence) and not isinstance(tasks, str)
        given: list[Any] = [*ALL] if tasks == "all" else [*cast(Sequence[Any], tasks)] if several else [tasks]
        if not given or any(type(number) is not int or number not in ALL for number in given):
            raise ValueError(f"tasks={tasks}: must be a number from 1 to {len(ALL)}, a list of them, or all")
        if len(set(given)) < len(given):
            raise ValueError(f"tasks={tasks}: must name each task once")
        self.data_dir = data_dir
        self.size: Size = size
        self.everything = tasks == "all"
        self.numbers = [number for number in given if type(number) is int]
        self.kept_findings: Mapping[str, Mapping[str, Any]] = {}

    @property
    def part(self) -> str:
        """`_qa1`, where the source is one task."""
        return f"_qa{self.numbers[0]}" if len(self.numbers) == 1 else ""

    def load(self) -> DatasetDict:
        """Reads and splits all files. Raises DataError."""
        columns: dict[str, list[Mapping[str, Any]]] = {split: [] for split in SPLITS}
        findings = Findings(Kind)
        there = self.there()
        for number in self.numbers:
            if number not in there:
                findings.add(Kind.ABSENT, f"qa{number} (1k has it)", "train", "left out")
                continue
            training = read_stories(there[number])
            if len(training) < 2:
                raise DataError(f"{there[number]}: has one story; should have two or more, the last tenth to validate")
            held_out = -(-len(training) // HELD_OUT)
            tested = read_stories(self.file("1k", number, "test"))
            parts = zip(SPLITS, (training[:-held_out], training[-held_out:], tested), strict=True)
            for split, stories in parts:
                columns[split] += [row(question, number) for story in stories for question in story]
        self.kept_findings = findings.plain()
        return DatasetDict({split: Dataset.from_list(rows) for split, rows in columns.items()})

    def there(self) -> dict[int, Path]:
        """The training files by task. Raises DataError for one that is asked for and is not there."""
        files = {}
        for number in self.numbers:
            try:
                files[number] = self.file(self.size, number, "train")
            except DataError as error:
                other = "1k" if self.size == "10k" else "10k"
                if not self.everything:
                    raise DataError(f"{error}; or give tasks without {number}, or task/data=babi_{other}") from None
        if not files:
            self.file(self.size, self.numbers[0], "train")
        return files

    def file(self, size: Size, number: int, split: str) -> Path:
        """A task's file, as it is or gzipped. Raises DataError if it is not there."""
        parts = ("babi", FOLDERS[size], f"qa{number}_{NAMES[number - 1]}_{split}.txt")
        zipped = (*parts[:-1], f"{parts[-1]}.gz")
        if self.data_dir is not None and Path(self.data_dir).expanduser().joinpath(*zipped).exists():
            parts = zipped
        return found(self.data_dir, *parts)

    def checksum(self) -> str:
        """Hash of all files' bytes and of which tasks they are."""
        there = self.there()
        files = [*there.values(), *(self.file("1k", number, "test") for number in there)]
        return hashlib.sha256(f"{list(there)} {file_checksum(files)}".encode()).hexdigest()

    def findings(self) -> Mapping[str, Mapping[str, Any]]:
        """Which tasks were left out."""
        return self.kept_findings


def row(question: Question, number: int) -> dict[str, Any]:
    """A question as columns."""
    return {**question._asdict(), "facts": list(question.facts), "task": f"qa{number}"}
