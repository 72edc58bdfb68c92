"""The one builder of sentence pairs: lines of any origin into checked splits."""

import hashlib
import json
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, get_args

from datasets import Dataset, DatasetDict
from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a

from attnbench.tasks.source import SPLITS, Source
from attnbench.tasks.translation.checks import Checks, Limits, Side

Text = Literal["raw", "tokenized", "lowercased_13a"]


@dataclass(kw_only=True, eq=False)
class PairSource(Source):
    """Sentence pairs, checked; an origin says in `given` how lines are read.

    Columns source and target: of `raw` text the lines; of `tokenized` text the words between blanks; of `lowercased_13a` text
    the words that sacrebleu's 13a finds in the lower-cased lines.
    """

    name: ClassVar[str] = "pairs"

    text: Text
    most_words: int = 100
    drop_unusable: bool = True  # leave pairs out of train that nothing can be learnt from
    drop_identical: bool = False  # leave pairs out of train whose sides are the same
    drop_duplicates: bool = False  # leave pairs out of train that were there before
    kept_findings: dict[str, Any] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.text not in get_args(Text):
            raise ValueError(f"text={self.text}: must be one of {', '.join(get_args(Text))}")
        if type(self.most_words) is not int or self.most_words < 1:
            raise ValueError(f"most_words={self.most_words}: must be a whole number, 1 or more")

    @abstractmethod
    def given(self) -> Mapping[str, tuple[Side, Side]]:
        """Each split's lines in both languages. Raises DataError where they cannot be read."""

    @abstractmethod
    def content(self) -> str:
        """What changes when the lines do."""

    @property
    def raw(self) -> bool:
        """Whether the text is as people write it."""
        return self.text == "raw"

    @property
    def limits(self) -> Limits:
        """What is taken for a fault, and what is done about it."""
        return Limits(self.most_words, self.drop_unusable, self.drop_identical, self.drop_duplicates)

    def load(self) -> DatasetDict:
        """Reads and checks all splits. Raises DataError where a split would not be whole."""
        checks = Checks(self.limits)
        given, splits = self.given(), {}
        for split in SPLITS:
            source, target = checks.run(split, *given[split])
            splits[split] = Dataset.from_dict({"source": self.rows(source), "target": self.rows(target)})
        self.kept_findings = checks.findings.plain()
        return DatasetDict(splits)

    def rows(self, lines: list[str]) -> list[str] | list[list[str]]:
        """Lines as the text's form has them."""
        if self.text == "raw":
            return lines
        if self.text == "tokenized":
            return [line.split() for line in lines]
        tokenize = Tokenizer13a()
        return [str(tokenize(line.lower())).split() for line in lines]

    def findings(self) -> Mapping[str, Mapping[str, Any]]:
        """What the checks of the last load found."""
        return self.kept_findings

    def checksum(self) -> str:
        """Hash of the lines' origin, of the text's form and of the options of the checks."""
        return hashlib.sha256(json.dumps([self.content(), self.text, self.limits]).encode()).hexdigest()
