"""Parallel text: from pairs of files, or from a data set on the hub."""

import codecs
import gzip
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from datasets import Dataset

from attnbench.tasks.hub import HubSplits
from attnbench.tasks.source import SPLITS, DataError, file_checksum, found
from attnbench.tasks.translation.checks import Side
from attnbench.tasks.translation.pairs import PairSource, Text

FOLDERS: Mapping[Text, str] = {"tokenized": "tok", "raw": "raw", "lowercased_13a": "raw"}
TESTS = ("test_2016_flickr", "test_2017_flickr", "test_2017_mscoco")


def read_lines(path: Path) -> tuple[list[str], bool]:
    """The lines of a UTF-8 text file, gzipped or not, and whether the last has a line end.

    Raises DataError where the file is cut short or no UTF-8.
    """
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (EOFError, OSError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read, cut short or damaged ({error}); fetch the file again") from None
    data = data.removeprefix(codecs.BOM_UTF8)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise DataError(f"{path}: line {line} is not UTF-8; convert the file") from None
    *lines, rest = text.split("\n")
    return [line.removesuffix("\r") for line in [*lines, *([rest] if rest else [])]], not rest


@dataclass(kw_only=True, eq=False)
class ParallelFiles(PairSource):
    """Sentence pairs from two files a split, one sentence a line; line n of one translates line n of the other."""

    name: ClassVar[str] = "parallel_files"

    data_dir: str | None
    files: Mapping[str, Sequence[str]]

    def __post_init__(self) -> None:
        super().__post_init__()
        given = {split: list(pair) for split, pair in self.files.items()}
        if set(given) != set(SPLITS) or any(len(pair) != 2 for pair in given.values()):
            raise ValueError(f"files={given}: must give [source, target] for each of {', '.join(SPLITS)}")

    def given(self) -> Mapping[str, tuple[Side, Side]]:
        """The lines of each split's two files."""
        return {split: (self.side(first), self.side(second)) for split, (first, second) in self.files.items()}

    def side(self, name: str) -> Side:
        """One file."""
        path = found(self.data_dir, name)
        lines, ended = read_lines(path)
        return Side(name, str(path), lines, ended=ended)

    def content(self) -> str:
        """Hash of all files' bytes."""
        return file_checksum([found(self.data_dir, name) for split in SPLITS for name in self.files[split]])


@dataclass(kw_only=True, eq=False)
class Multi30k(ParallelFiles):
    """Multi30k, task 1 (Elliott et al. 2016), below `data_dir`/multi30k.

    `tokenized` is its authors' lower-cased, tokenised text in tok, `raw` the text as it was written in raw.
    """

    name: ClassVar[str] = "multi30k"

    source: str
    target: str
    test: str
    text: Text = "tokenized"
    files: Mapping[str, Sequence[str]] = field(init=False)

    def __post_init__(self) -> None:
        if self.test not in TESTS:
            raise ValueError(f"test={self.test}: must be one of {', '.join(TESTS)}")
        folder = f"multi30k/{FOLDERS.get(self.text, self.text)}"
        stems = {"train": "train", "validation": "val", "test": self.test}
        languages = (self.source, self.target)
        self.files = {s: [f"{folder}/{stem}.{language}.gz" for language in languages] for s, stem in stems.items()}
        super().__post_init__()

    @property
    def part(self) -> str:
        """Other test splits than the first are compared by themselves."""
        return "" if self.test == TESTS[0] else self.test.removeprefix("test")


@dataclass(kw_only=True, eq=False)
class HubPairs(PairSource, HubSplits):
    """Sentence pairs of a hub data set, or of a local folder that the `datasets` library reads; no code of it is run.

    `source` and `target` are text columns, or with `column` the keys of that column's {language: text}, the form of IWSLT and
    WMT. The rest is `HubSplits`'; a `subset` is for example de-en.
    """

    name: ClassVar[str] = "hub_pairs"

    source: str
    target: str
    text: Text = "lowercased_13a"
    column: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_splits()

    def given(self) -> Mapping[str, tuple[Side, Side]]:
        """The rows' two texts."""
        return {
            split: (self.side(split, rows, self.source), self.side(split, rows, self.target))
            for split, rows in self.there().items()
        }

    def side(self, split: str, rows: Dataset, language: str) -> Side:
        """A split's texts in one language."""
        name = f"{self.splits[split]}.{language}"
        return Side(name, f"{self.told}, {name}", self.lines(rows, language), unit="row")

    def lines(self, rows: Dataset, language: str) -> list[str]:
        """One language's texts; a missing one is empty. Raises DataError for a column that is not there or holds no text."""
        column = self.column or language
        self.require(rows, column)
        values: list[Any] = list(rows[column])
        if self.column is not None:
            values = [self.of_language(value, language) for value in values]
        for number, value in enumerate(values, start=1):
            if value is not None and not isinstance(value, str):
                raise DataError(f"{self.told}: column {column}: row {number} is {str(value)[:40]!r}; should be text")
        return [value or "" for value in values]

    def of_language(self, value: Any, language: str) -> Any:
        """A row's text in that language. Raises DataError where the column is no {language: text}."""
        if not isinstance(value, Mapping):
            raise DataError(
                f"{self.told}: column {self.column} holds {str(value)[:40]!r}; should be {{language: text}}"
            )
        if language not in value:
            raise DataError(f"{self.told}: column {self.column} has no language {language}; it has {', '.join(value)}")
        return value[language]

    def content(self) -> str:
        """What is read of it, and its origin."""
        return f"{self.subset} {self.column} {self.source} {self.target} {dict(self.splits)} {self.origin()}"
