"""What becomes of each cloze question: used, left out, or used although something is odd; all of it counted.

Examples that nothing can be learnt from are left out of train. Validation and test stay as they are, because figures are
compared on the standard splits; only an example that no model could answer is an error there.
"""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import NamedTuple

from attnbench.tasks.reading.numbering import PLACEHOLDER, Example
from attnbench.tasks.source import DataError, Findings


class Kind(StrEnum):
    """Every kind there is."""

    BROKEN = "question broken"
    EMPTY = "document empty"
    UNASKED = "question without placeholder"
    FOREIGN = "answer not among entities"
    LONG_QUESTION = "question too long"
    LONG = "document too long"
    AGAIN = "question twice"
    LEAK = "question in two splits"


TOO_LONG = (Kind.LONG, Kind.LONG_QUESTION)  # no fault of an example that is only to be answered


class Fault(NamedTuple):
    """An example that cannot be read, and why."""

    name: str
    reason: str


class Limits(NamedTuple):
    """What is taken for a fault, and what is left out of train for it."""

    most_words: int
    most_question_words: int
    drop_unusable: bool
    drop_duplicates: bool


class Checks:
    """Goes through split after split; `findings` says what was odd."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.findings = Findings(Kind)
        self.seen: dict[str, set[int]] = {}  # hashes of each split's identities, and of what was asked of what

    def used(self, split: str, examples: Iterable[Example | Fault]) -> Iterator[Example]:
        """The examples that are used. Raises DataError for one that could not be answered, where it is not left out."""
        for example in examples:
            if isinstance(example, Fault):
                self.unusable(split, Kind.BROKEN, example.name, example.reason)
                continue
            fault = self.fault(example)
            if fault is not None and self.unusable(split, fault[0], example.name, fault[1]):
                continue
            if not self.repeated(split, example):
                yield example

    def fault(self, example: Example) -> tuple[Kind, str] | None:
        """What is wrong with an example by itself."""
        if not example.document:
            return Kind.EMPTY, "its document is empty"
        if PLACEHOLDER not in example.question:
            return Kind.UNASKED, f"its question has no {PLACEHOLDER}"
        if example.answer not in example.entities or example.answer not in example.document:
            return Kind.FOREIGN, f"its answer {example.answer[:40]!r} is no entity of its document"
        for kind, words, most in (
            (Kind.LONG_QUESTION, example.question, self.limits.most_question_words),
            (Kind.LONG, example.document, self.limits.most_words),
        ):
            if len(words) > most:
                return kind, f"{len(words)} words"
        return None

    def unusable(self, split: str, kind: Kind, name: str, reason: str) -> bool:
        """Whether the example is left out. Raises DataError where it could not be answered and would stay."""
        dropping = split == "train" and self.limits.drop_unusable
        if not dropping and kind not in TOO_LONG:
            way = "; mend or remove it" + (", or give drop_unusable=true" if split == "train" else "")
            raise DataError(f"{name}: {reason}{way}")
        self.findings.add(kind, f"{name} ({reason})", split, "left out" if dropping else "kept")
        return dropping

    def repeated(self, split: str, example: Example) -> bool:
        """Whether the example is left out because it, or its identity, was there before."""
        keys = {hash(example.identity), hash((tuple(example.document), tuple(example.question)))}
        here = self.seen.setdefault(split, set())
        elsewhere = [other for other, those in self.seen.items() if other != split and those & keys]
        again = bool(here & keys)
        here |= keys
        if elsewhere:
            self.findings.add(Kind.LEAK, f"{example.name} (also in {elsewhere[0]})", split, "kept")
        dropped = again and split == "train" and self.limits.drop_duplicates
        if again:
            self.findings.add(Kind.AGAIN, example.name, split, "left out" if dropped else "kept")
        return dropped
