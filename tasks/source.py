"""Where examples come from: three splits with the same columns, and a checksum of what decides their content."""

import hashlib
import inspect
import json
import sys
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar, Literal

from datasets import Dataset, DatasetDict, Features

SPLITS = ("train", "validation", "test")
FIRST = 5  # findings of each kind that are named

Outcome = Literal["left out", "kept"]


class DataError(ValueError):
    """Data that is missing or not what it should be; the message is one line that names it."""


class Source(ABC):
    """A data set. Building one reads nothing."""

    name: ClassVar[str]

    @property
    def part(self) -> str:
        """What follows the data set's name where this is a part of it that is compared by itself."""
        return ""

    @abstractmethod
    def load(self) -> DatasetDict:
        """The splits train, validation and test. Raises DataError where they cannot be had."""

    @abstractmethod
    def checksum(self) -> str:
        """A hash that changes when the examples do. Raises DataError where the data is absent."""

    def findings(self) -> Mapping[str, Mapping[str, Any]]:
        """What checks of the data found odd in the last `load`, as JSON has it; {} where nothing is checked.

        By kind: {"count", "left out": {split: count}, "kept": {split: count}, "first": [what, ...]}.
        """
        return {}


class Generated(Source):
    """Examples written by code from a seed: the same seed, sizes and code give the same examples."""

    def __init__(self, *, seed: int, sizes: Mapping[str, int]) -> None:
        self.seed = seed
        self.sizes = dict(sizes)
        if set(self.sizes) != set(SPLITS) or any(size < 1 for size in self.sizes.values()):
            raise ValueError(
                f"sizes={self.sizes}: must give a number of examples, 1 or more, for each of {', '.join(SPLITS)}"
            )

    @abstractmethod
    def rows(self, split: str, seed: int) -> Iterator[dict[str, Any]]:
        """Endless examples of one split; `seed` is already the split's own."""

    def features(self) -> Features | None:
        """The columns' types where they cannot be told from the rows."""
        return None

    def load(self) -> DatasetDict:
        """Generates all three splits."""

        def generate(split: str) -> Dataset:
            rows = self.rows(split, self.seed * len(SPLITS) + SPLITS.index(split))
            return Dataset.from_list([next(rows) for _ in range(self.sizes[split])], features=self.features())

        return DatasetDict({split: generate(split) for split in SPLITS})

    def checksum(self) -> str:
        """Hash of the generator's code, seed and sizes."""
        code = inspect.getsource(sys.modules[type(self).__module__])
        return hashlib.sha256(json.dumps([code, self.seed, self.sizes], sort_keys=True).encode()).hexdigest()


class Findings:
    """What was found wrong or odd, and what became of it: counts and first examples, by kind, told in the kinds' order."""

    def __init__(self, kinds: type[StrEnum]) -> None:
        self.kinds = kinds
        self.counts: dict[StrEnum, dict[Outcome, Counter[str]]] = {}
        self.first: dict[StrEnum, list[str]] = {}

    def add(self, kind: StrEnum, what: str, split: str, outcome: Outcome) -> None:
        """One more."""
        self.counts.setdefault(kind, {}).setdefault(outcome, Counter())[split] += 1
        first = self.first.setdefault(kind, [])
        if len(first) < FIRST:
            first.append(what)

    def plain(self) -> dict[str, dict[str, Any]]:
        """For each kind {"count", "left out": {split: count}, "kept": {split: count}, "first": [what, ...]}, as JSON has it."""
        return {
            str(kind): {
                "count": sum(counts.total() for counts in self.counts[kind].values()),
                **{outcome: dict(counts) for outcome, counts in self.counts[kind].items()},
                "first": self.first[kind],
            }
            for kind in self.kinds
            if kind in self.counts
        }


def finding_line(kind: str, finding: Mapping[str, Any]) -> str:
    """A finding in a line: `image damaged: 3 (left out: train 3): a.jpg (no image), b.jpg (...), ...`."""
    outcomes = "; ".join(
        f"{outcome}: " + ", ".join(f"{split} {count}" for split, count in finding[outcome].items())
        for outcome in ("left out", "kept")
        if outcome in finding
    )
    more = ", ..." if finding["count"] > len(finding["first"]) else ""
    return f"{kind}: {finding['count']} ({outcomes}): {', '.join(finding['first'])}{more}"


def found(data_dir: str | None, *parts: str) -> Path:
    """The path of a data file below `data_dir`. Raises DataError, naming what is missing, if it is not there."""
    wanted = "/".join(parts)
    if data_dir is None:
        raise DataError(f"data_dir is not set: give data_dir=FOLDER or set ATTNBENCH_DATA; {wanted} is read from there")
    folder = Path(data_dir).expanduser()
    if not folder.is_dir():
        raise DataError(f"data_dir={data_dir}: no such folder; it should be the one that holds {wanted}")
    path = folder.joinpath(*parts)
    if not path.exists():
        raise DataError(f"{path}: no such file; data_dir={data_dir} should be the folder that holds {wanted}")
    return path


def file_checksum(paths: list[Path]) -> str:
    """One hash of several files' bytes, in the given order."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
