"""The one builder of captioning data: entries of any form into checked splits."""

import hashlib
import json
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from datasets import Dataset, DatasetDict, Features, Image, List, Value

from attnbench.tasks.captioning.data.checks import Checks, Example, Limits
from attnbench.tasks.captioning.data.entries import Entry
from attnbench.tasks.captioning.data.examined import Look, examined
from attnbench.tasks.source import Source

FEATURES = Features(
    {
        "image": Image(decode=False),  # the path alone
        "captions": List(Value("string")),
        "image_id": Value("string"),
        "checksum": Value("string"),  # SHA-256 of the image file
    }
)


@dataclass(kw_only=True, eq=False)
class CaptionSource(Source):
    """Images with captions, in words parted by blanks, checked; a form says in `entries` how they are read.

    Columns: image (its path), captions, image_id, checksum (SHA-256 of the image file).
    """

    cache_dir: str | None = None  # where it is kept what the images are; None: the user's own cache
    drop_damaged: bool = False  # go on without images of validation and test that have a fault
    least_side: int = 32  # pixels
    least_words: int = 3
    most_words: int = 100
    kept_findings: dict[str, Any] = field(default_factory=dict, init=False, repr=False)

    name: ClassVar[str] = "captions"

    def __post_init__(self) -> None:
        limits = {"least_side": self.least_side, "least_words": self.least_words, "most_words": self.most_words}
        for key, value in limits.items():
            if type(value) is not int or value < 1:
                raise ValueError(f"{key}={value}: must be a whole number, 1 or more")
        if self.most_words < self.least_words:
            raise ValueError(f"most_words={self.most_words}: must be at least least_words={self.least_words}")

    @abstractmethod
    def entries(self) -> list[Entry]:
        """What the data set says of every image. Raises DataError where it cannot be read."""

    def words(self, caption: str) -> list[str]:
        """A caption's words: lower case, no punctuation."""
        from attnbench.tasks.captioning.words import caption_words

        return caption_words(caption)

    @property
    def limits(self) -> Limits:
        """What is taken for a fault."""
        return Limits(self.drop_damaged, self.least_side, self.least_words, self.most_words)

    def looks(self, entries: list[Entry]) -> dict[Path, Look]:
        """A look at every image that is in a split and there."""
        return examined([entry.file for entry in entries if entry.splits and entry.file], self.cache_dir)

    def load(self) -> DatasetDict:
        """Reads, examines and checks. Raises DataError where validation or test would not be whole."""
        entries = self.entries()
        checks = Checks(self.limits, self.looks(entries), self.words)
        splits = checks.run(entries, self.name)
        self.kept_findings = checks.findings.plain()
        return DatasetDict({split: table(examples) for split, examples in splits.items()})

    def findings(self) -> Mapping[str, Mapping[str, Any]]:
        """What the checks of the last load found."""
        return self.kept_findings

    def checksum(self) -> str:
        """Hash of what is listed in splits, the image files' bytes, and the options of the checks."""
        entries = self.entries()
        looks = self.looks(entries)
        said = [
            (*entry._replace(file=None), looks[entry.file].checksum if entry.file in looks else None)
            for entry in entries
            if entry.splits
        ]
        deciding = [self.name, self.limits, self.reading(), said]
        return hashlib.sha256(json.dumps(deciding).encode()).hexdigest()

    def reading(self) -> str:
        """How captions become words, where a form leaves a choice."""
        return ""


def table(examples: list[Example]) -> Dataset:
    """A split. Paths are absolute, so that they hold wherever rows are read."""
    columns = {
        "image": [{"bytes": None, "path": str(example.file.absolute())} for example in examples],
        "captions": [example.captions for example in examples],
        "image_id": [example.entry.image_id for example in examples],
        "checksum": [example.look.checksum for example in examples],
    }
    return Dataset.from_dict(columns, features=FEATURES)
