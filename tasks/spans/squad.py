"""Questions from files in SQuAD's form, or from a data set on the hub."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, ClassVar

from datasets import Dataset

from attnbench.tasks.hub import HubSplits
from attnbench.tasks.source import DataError, file_checksum, found
from attnbench.tasks.spans.entries import Entry, entries, part
from attnbench.tasks.spans.questions import QuestionSource

COLUMNS = ("id", "title", "context", "question", "answers")


@dataclass(kw_only=True, eq=False)
class SpanFiles(QuestionSource):
    """Questions from JSON files of SQuAD v1.1's form below `data_dir`, gzipped (.gz) or not; one or several a split."""

    name: ClassVar[str] = "squad"

    data_dir: str | None
    train: str | Sequence[str]
    test: str | Sequence[str]
    validation: str | Sequence[str] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        for split, names in self.files().items():
            if not names or len(set(names)) < len(names):
                raise ValueError(f"{split}={names}: must be a file or several, each once")

    def files(self) -> dict[str, list[str]]:
        """The names of each split's files."""
        given = {"train": self.train, "validation": self.validation, "test": self.test}
        return {
            split: [names] if isinstance(names, str) else list(names)
            for split, names in given.items()
            if names is not None
        }

    def given(self) -> Mapping[str, Iterable[Entry]]:
        """The questions of each split's files, in the files' order."""
        paths = {split: [found(self.data_dir, name) for name in names] for split, names in self.files().items()}
        return {split: chain.from_iterable(map(entries, those)) for split, those in paths.items()}

    def content(self) -> str:
        """Hash of all files' bytes, and which split they belong to."""
        files = self.files()
        paths = [found(self.data_dir, name) for names in files.values() for name in names]
        return f"{ {split: len(names) for split, names in files.items()} } {file_checksum(paths)}"


@dataclass(kw_only=True, eq=False)
class HubQuestions(QuestionSource, HubSplits):
    """Questions of a hub data set with SQuAD's columns, or of a local folder that `datasets` reads; no code of it is run.

    Columns id, title (the article), context, question and answers {text, answer_start}. `splits` says what our splits are called
    there; without one for validation some of train is held out.
    """

    name: ClassVar[str] = "squad_hub"

    optional: ClassVar[frozenset[str]] = frozenset({"validation"})
    splits: Mapping[str, str] = field(default_factory=lambda: {"train": "train", "test": "validation"})

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_splits()

    def given(self) -> Mapping[str, Iterable[Entry]]:
        """The questions of its splits."""
        return {split: list(self.rows(rows, self.splits[split])) for split, rows in self.there().items()}

    def rows(self, rows: Dataset, theirs: str) -> Iterator[Entry]:
        """The entries of one of its splits. Raises DataError for columns of another form."""
        self.require(rows, *COLUMNS)
        for number, row in enumerate(rows, start=1):
            where = f"{self.told}, {theirs}: row {number}"
            title, context, question = (part(row, key, str, where) for key in ("title", "context", "question"))
            answers = part(row, "answers", dict, where)
            texts: list[Any] = part(answers, "text", list, f"{where}: answers")
            starts: list[Any] = part(answers, "answer_start", list, f"{where}: answers")
            if len(texts) != len(starts):
                raise DataError(f"{where}: answers has {len(texts)} texts and {len(starts)} offsets; they must pair up")
            home, pairs = f"{theirs} {title}", list(zip(texts, starts, strict=True))
            yield Entry(where, part(row, "id", str, where), home, f"{home} {context}", context, question, pairs)

    def content(self) -> str:
        """What is read of it, and its origin."""
        return f"{self.subset} {dict(self.splits)} {self.origin()}"
