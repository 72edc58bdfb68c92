"""The one builder of questions on documents: entries of any origin into checked splits."""

import hashlib
import json
from abc import abstractmethod
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, get_args

from datasets import Dataset, DatasetDict

from attnbench.tasks.source import DataError, Source
from attnbench.tasks.spans.checks import Checks, Kind, Limits
from attnbench.tasks.spans.entries import Entry

Part = Literal["article", "paragraph"]
OWN = {"train": 87599, "test": 10570}  # questions of SQuAD v1.1's train set and dev set


@dataclass(kw_only=True, eq=False)
class QuestionSource(Source):
    """Questions, each with a document that holds the answer, checked; an origin says in `entries` how they are read.

    Where no validation set is given, it is the last articles of train, as many as it takes to have the share `held_out` of its
    questions, or the last paragraphs with `held_out_by=paragraph`: never some of the questions on one document. `share` is
    how much of the train questions left is used, chosen by a hash of their ids: a smaller share is part of a larger one.

    Columns id, document, question, answers (texts), starts (their offsets); rows of train are `taught`.
    """

    name: ClassVar[str] = "questions"

    held_out: float = 0.1
    held_out_by: Part = "article"
    share: float = 1.0
    longest_question: int = 60
    drop_faulty: bool = False  # leave faulty questions out instead of refusing the data
    kept_findings: dict[str, Any] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        if not 0 < self.held_out < 1:
            raise ValueError(f"held_out={self.held_out}: must be a share of the train questions, above 0 and below 1")
        if self.held_out_by not in get_args(Part):
            raise ValueError(f"held_out_by={self.held_out_by}: must be one of {', '.join(get_args(Part))}")
        if not 0 < self.share <= 1:
            raise ValueError(f"share={self.share}: must be a share of the train questions, above 0 and at most 1")
        if type(self.longest_question) is not int or self.longest_question < 1:
            raise ValueError(f"longest_question={self.longest_question}: must be a whole number of words, 1 or more")

    @property
    def part(self) -> str:
        """`_0.25`, where it is that share: mechanisms trained on a part and on all are not compared with each other."""
        return "" if self.share == 1 else f"_{self.share:g}"

    @abstractmethod
    def given(self) -> Mapping[str, Iterable[Entry]]:
        """The questions of train, test and, where it is given, validation. Raises DataError where they cannot be read."""

    @abstractmethod
    def content(self) -> str:
        """What changes when the questions do."""

    def load(self) -> DatasetDict:
        """Reads and checks all splits. Raises DataError where a question is faulty."""
        checks = Checks(Limits(self.longest_question, self.drop_faulty))
        # Test comes first, so that a document that is there twice is told of as a leak into train.
        splits = {split: list(entries) for split, entries in self.given().items()}
        whole = {split: len(splits[split]) for split in OWN}
        if "validation" not in splits:
            splits["train"], splits["validation"] = self.parted(splits["train"])
        splits["train"] = [entry for entry in splits["train"] if chance(entry.name) < self.share]
        checked = {split: checks.run(split, splits[split]) for split in ("test", "validation", "train")}
        if whole != OWN:
            told = f"{whole['train']} train and {whole['test']} test questions; SQuAD v1.1 has {OWN['train']} and {OWN['test']}"
            checks.findings.add(Kind.SPLIT, told, "test", "kept")
        self.kept_findings = checks.findings.plain()
        return DatasetDict({split: dataset(checked[split], split) for split in ("train", "validation", "test")})

    def parted(self, entries: Sequence[Entry]) -> tuple[list[Entry], list[Entry]]:
        """Train questions, and those held out for validation."""
        counts = Counter(self.unit(entry) for entry in entries)  # in the order of the files
        held: set[str] = set()
        for part in reversed(counts):
            if sum(counts[one] for one in held) >= self.held_out * len(entries):
                break
            held.add(part)
        if len(held) == len(counts):
            raise DataError(
                f"held_out={self.held_out}: train has {len(counts)} {self.held_out_by}s and none would be left; give less, "
                "held_out_by=paragraph, or a validation set"
            )
        return (
            [entry for entry in entries if self.unit(entry) not in held],
            [entry for entry in entries if self.unit(entry) in held],
        )

    def unit(self, entry: Entry) -> str:
        """What of the data is in one split as a whole."""
        return entry.article if self.held_out_by == "article" else entry.paragraph

    def findings(self) -> Mapping[str, Mapping[str, Any]]:
        """What the checks of the last load found."""
        return self.kept_findings

    def checksum(self) -> str:
        """Hash of the questions' origin and of the options."""
        options = [self.held_out, self.held_out_by, self.share, self.longest_question, self.drop_faulty]
        return hashlib.sha256(json.dumps([self.content(), *options]).encode()).hexdigest()


def chance(name: str) -> float:
    """A number from 0 to below 1 that belongs to the id, the same everywhere."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:6]) / 2**48


def dataset(entries: Sequence[Entry], split: str) -> Dataset:
    """A split's columns."""
    columns: dict[str, list[Any]] = {
        "id": [entry.name for entry in entries],
        "document": [entry.document for entry in entries],
        "question": [entry.question for entry in entries],
        "answers": [[text for text, _ in entry.answers] for entry in entries],
        "starts": [[start for _, start in entry.answers] for entry in entries],
    }
    return Dataset.from_dict(columns | ({"taught": [True] * len(entries)} if split == "train" else {}))
