"""What was found wrong or odd with caption data, and what became of it."""

from collections import Counter
from enum import StrEnum
from typing import Any, Literal

FIRST = 5  # examples of each kind that are named
NOWHERE = "no split"

Outcome = Literal["left out", "kept"]


class Kind(StrEnum):
    """Every kind there is."""

    MISSING = "image missing"
    DAMAGED = "image damaged"
    SMALL = "image too small"
    SILENT = "image without caption"
    TWO_SPLITS = "name in two splits"
    NO_SPLIT = "image in no split"
    NO_IMAGE = "captions without image"
    SAME = "image twice"
    LEAK = "image in two splits"
    EMPTY = "caption empty"
    WORDLESS = "caption without letters"
    SHORT = "caption too short"
    LONG = "caption too long"
    AGAIN = "caption twice"


class Findings:
    """Counts and first examples, by kind."""

    def __init__(self) -> None:
        self.counts: dict[Kind, dict[Outcome, Counter[str]]] = {}
        self.first: dict[Kind, list[str]] = {}

    def add(self, kind: Kind, what: str, split: str, outcome: Outcome) -> None:
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
            for kind in Kind
            if kind in self.counts
        }
