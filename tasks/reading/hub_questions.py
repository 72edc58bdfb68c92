"""Cloze questions of a data set on the hub, or of a local folder that the `datasets` library reads."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from datasets import Dataset, DatasetDict

from attnbench.tasks.hub import hub_name, hub_splits
from attnbench.tasks.reading.checks import Fault
from attnbench.tasks.reading.cloze import ClozeSource
from attnbench.tasks.reading.numbering import Example, markers
from attnbench.tasks.source import SPLITS, DataError, file_checksum


@dataclass(kw_only=True, eq=False)
class HubQuestions(ClozeSource):
    """Questions by a hub name and revision, or of a local folder; no code of the data set is run.

    `document`, `question` and `answer` are columns of text, which is parted at blanks; the first two may hold lists of texts,
    such as sentences. `entities` is a column of lists of the words that may be the answer; without it they are those of the form
    @entity7. `identity` is a column that tells examples apart. `placeholder` is what the question has in the answer's place.
    `splits` says what ours are called there.
    """

    name: ClassVar[str] = "hub_questions"

    path: str
    revision: str
    subset: str | None = None
    document: str = "context"
    question: str = "question"
    answer: str = "answer"
    entities: str | None = None
    identity: str | None = None
    placeholder: str = "@placeholder"
    splits: Mapping[str, str] = field(default_factory=lambda: {split: split for split in SPLITS})
    offline: bool = False
    fetched: Mapping[str, Dataset] | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        if set(self.splits) != set(SPLITS) or len(set(self.splits.values())) < len(SPLITS):
            raise ValueError(f"splits={dict(self.splits)}: must name for each of {', '.join(SPLITS)} one of its own")

    @property
    def told(self) -> str:
        """What messages call it."""
        return hub_name(self.path, self.revision)

    def load(self) -> DatasetDict:
        """Downloads (or takes from the cache) and checks. Raises DataError where the hub cannot be reached."""
        self.fetched = self.fetch()
        try:
            return super().load()
        finally:
            self.fetched = None

    def fetch(self) -> Mapping[str, Dataset]:
        """All its splits. Raises DataError where they cannot be had."""
        needed = self.splits.values()
        return hub_splits(self.path, self.revision, subset=self.subset, needed=needed, offline=self.offline)

    def examples(self, split: str) -> Iterator[Example | Fault]:
        """Row after row."""
        theirs = self.splits[split]
        rows: Dataset = (self.fetched or self.fetch())[theirs]
        for column in (self.document, self.question, self.answer, self.entities, self.identity):
            if column is not None and column not in rows.column_names:
                raise DataError(f"{self.told} has no column {column}; it has {', '.join(rows.column_names)}")
        for number, row in enumerate(rows, start=1):
            yield self.example(f"{self.told}, {theirs}: row {number}", row)

    def example(self, name: str, row: Mapping[str, Any]) -> Example | Fault:
        """One row, or what is wrong with its form."""
        document, question = words_of(row[self.document]), words_of(row[self.question])
        answer = row[self.answer]
        if document is None or question is None or not isinstance(answer, str):
            column = self.document if document is None else self.question if question is None else self.answer
            return Fault(name, f"column {column} holds {str(row[column])[:40]!r}; should be text")
        question = ["@placeholder" if word == self.placeholder else word for word in question]
        among = markers(document + question) if self.entities is None else words_of(row[self.entities])
        if among is None:
            return Fault(name, f"column {self.entities} holds {str(row[str(self.entities)])[:40]!r}; should be words")
        identity = name if self.identity is None else str(row[self.identity])
        return Example(name, identity, document, question, answer.strip(), set(among))

    def content(self) -> str:
        """The name and revision, or the bytes of a local copy; give a commit as revision to pin the content."""
        columns = [self.document, self.question, self.answer, self.entities, self.identity, self.placeholder]
        chosen = f"{self.subset} {columns} {dict(self.splits)}"
        local = Path(self.path)
        if local.exists():
            return f"{chosen} {file_checksum(sorted(path for path in local.rglob('*') if path.is_file()))}"
        return f"{chosen} {self.path}@{self.revision}"


def words_of(value: Any) -> list[str] | None:
    """The words between blanks of a text, or of a list of texts; none of anything else."""
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        return None
    return " ".join(texts).split()
