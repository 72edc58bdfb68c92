"""What becomes of each question: used, left out, or used although something is odd; all of it counted."""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import NamedTuple

from attnbench.tasks.source import DataError, Findings, Outcome
from attnbench.tasks.spans.entries import Entry
from attnbench.tasks.spans.tokens import words_of


class Kind(StrEnum):
    """What may be wrong or odd; those of FAULTS make a question useless."""

    DOCUMENT = "document empty"
    QUESTION = "question empty"
    UNANSWERED = "question without answer"
    EMPTY = "answer empty"
    OFFSET = "answer is not at its offset"
    TWICE = "id twice"
    LONG = "question too long"
    INSIDE = "answer ends inside a word"
    LEAK = "document in two splits"
    SPLIT = "not the data set's own split, figures do not compare with published ones"


class Limits(NamedTuple):
    """What is taken for a fault, and what is done about it."""

    longest_question: int  # words
    drop_faulty: bool


class Checks:
    """Goes through split after split; `findings` says what was odd."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.findings = Findings(Kind)
        self.names: set[str] = set()
        self.documents: dict[str, str] = {}  # the split that each was met in first

    def run(self, split: str, given: Iterable[Entry]) -> list[Entry]:
        """The questions that are used. Raises DataError for a fault, unless faulty ones are left out, or where none is left."""
        used = list(self.used(split, given))
        if not used:
            raise DataError(f"{split}: no question can be used; give files that hold some")
        return used

    def used(self, split: str, given: Iterable[Entry]) -> Iterator[Entry]:
        """Question after question."""
        for entry in given:
            fault = self.fault(entry)
            if fault is not None:
                kind, what = fault
                if not self.limits.drop_faulty:
                    raise DataError(
                        f"{entry.place}: question {entry.name}: {kind}{what}; mend it, or give drop_faulty=true"
                    )
                self.findings.add(kind, f"{entry.name}{what}", split, "left out")
                continue
            self.names.add(entry.name)
            if not self.lengthy(split, entry):
                self.look(split, entry)
                yield entry

    def fault(self, entry: Entry) -> tuple[Kind, str] | None:
        """What makes a question useless, and the details."""
        if not entry.document.strip():
            return Kind.DOCUMENT, ""
        if not entry.question.strip():
            return Kind.QUESTION, ""
        if not entry.answers:
            return Kind.UNANSWERED, " (SQuAD 2.0's unanswerable questions are not read)"
        for text, start in entry.answers:
            if not text.strip():
                return Kind.EMPTY, ""
            there = entry.document[max(0, start) : max(0, start) + len(text)]
            if start < 0 or there != text:
                return Kind.OFFSET, f" ({text[:40]!r} at {start}, where there is {there[:40]!r})"
        return (Kind.TWICE, "") if entry.name in self.names else None

    def lengthy(self, split: str, entry: Entry) -> bool:
        """Whether the question is left out because it is too long to be one; elsewhere than in train its beginning is read."""
        longest = self.limits.longest_question
        words = len(words_of(entry.question).words)
        if words > longest:
            outcome: Outcome = "left out" if split == "train" else "kept"
            self.findings.add(Kind.LONG, f"{entry.name} ({words} words, {longest} are read)", split, outcome)
        return words > longest and split == "train"

    def look(self, split: str, entry: Entry) -> None:
        """Counts what is odd about a question that is used."""
        text, start = entry.answers[0]
        words, end = words_of(entry.document), start + len(text)
        found = words.covering(start, end)
        if found is not None and (words.starts[found[0]] < start or words.ends[found[1]] > end):
            said = entry.document[words.starts[found[0]] : words.ends[found[1]]]
            self.findings.add(Kind.INSIDE, f"{entry.name} ({text[:40]!r} of {said[:60]!r})", split, "kept")
        first = self.documents.setdefault(entry.document, split)
        if first != split:
            self.findings.add(Kind.LEAK, f"{entry.name} (also in {first})", split, "kept")
