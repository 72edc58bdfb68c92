"""The one builder of cloze questions: examples of any origin into checked, renumbered splits."""

import hashlib
import json
from abc import abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, ClassVar, get_args

from datasets import Dataset, DatasetDict, concatenate_datasets

from attnbench.tasks.reading.checks import Checks, Fault, Limits
from attnbench.tasks.reading.numbering import Example, Numbering, renumbered
from attnbench.tasks.source import SPLITS, DataError, Source

AT_ONCE = 1000  # examples that are held as words together


@dataclass(kw_only=True, eq=False)
class ClozeSource(Source):
    """Documents with cloze questions, checked; an origin says in `given` how they are read.

    Columns document and question (lists of words), answer, and candidates: the document's entities, by number.
    """

    name: ClassVar[str] = "cloze"

    numbering: Numbering = "first_mention"
    numbering_seed: int = 0  # of `shuffled`
    most_words: int = 2500
    most_question_words: int = 200
    drop_unusable: bool = True  # leave examples out of train that nothing can be learnt from
    drop_duplicates: bool = False  # leave examples out of train that were there before
    kept_findings: dict[str, Any] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.numbering not in get_args(Numbering):
            raise ValueError(f"numbering={self.numbering}: must be one of {', '.join(get_args(Numbering))}")
        for key, value in self.limits._asdict().items():
            if key.startswith("most_") and (type(value) is not int or value < 1):
                raise ValueError(f"{key}={value}: must be a whole number, 1 or more")

    @abstractmethod
    def given(self) -> Mapping[str, Iterable[Example | Fault]]:
        """Each split's examples. Raises DataError where they cannot be had."""

    @abstractmethod
    def content(self) -> str:
        """What changes when the examples do."""

    @property
    def limits(self) -> Limits:
        """What is taken for a fault, and what is done about it."""
        return Limits(self.most_words, self.most_question_words, self.drop_unusable, self.drop_duplicates)

    def load(self) -> DatasetDict:
        """Reads and checks all splits. Raises DataError where a split would not be whole."""
        checks, given = Checks(self.limits), self.given()
        splits = {split: self.split(split, given[split], checks) for split in SPLITS}
        self.kept_findings = checks.findings.plain()
        return DatasetDict(splits)

    def split(self, split: str, examples: Iterable[Example | Fault], checks: Checks) -> Dataset:
        """One split, a stretch of examples after the other."""
        used = checks.used(split, examples)
        parts: list[Dataset] = []
        while rows := [self.row(example) for example in islice(used, AT_ONCE)]:
            parts.append(Dataset.from_list(rows))
        if not parts:
            raise DataError(f"{self.name}: {split} holds no question that can be used")
        return concatenate_datasets(parts)

    def row(self, example: Example) -> dict[str, Any]:
        """An example as columns."""
        ours = renumbered(example, self.numbering, self.numbering_seed)
        named = sorted({word for word in ours.document if word in ours.entities}, key=lambda word: (len(word), word))
        return {"document": ours.document, "question": ours.question, "answer": ours.answer, "candidates": named}

    def findings(self) -> Mapping[str, Mapping[str, Any]]:
        """What the checks of the last load found."""
        return self.kept_findings

    def checksum(self) -> str:
        """Hash of the examples' origin, of their numbering and of the options of the checks."""
        told = [self.content(), self.numbering, self.numbering_seed, self.limits]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()
