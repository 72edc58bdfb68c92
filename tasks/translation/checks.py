"""What becomes of each sentence pair: used, left out, or used although something is odd; all of it counted.

Pairs that nothing can be learnt from are left out of train. Validation and test stay as they are, because figures are
compared on the standard splits; only a line that says nothing is an error there, since no model can read it.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from attnbench.tasks.source import DataError, Findings


class Kind(StrEnum):
    """Every kind there is."""

    EMPTY = "line empty"
    WORDLESS = "line without letters"
    LOST = "line with lost characters"
    LONG = "line too long"
    IDENTICAL = "source is target"
    AGAIN = "pair twice"
    LEAK = "pair in two splits"
    BLANKS = "white space normalised"
    UNENDED = "last line without end"


class Limits(NamedTuple):
    """What is taken for a fault, and what is left out of train for it."""

    most_words: int  # between blanks, in either language
    drop_unusable: bool
    drop_identical: bool
    drop_duplicates: bool


class Side(NamedTuple):
    """One language of a split: its lines, and what to call them."""

    name: str  # in findings
    place: str  # in errors
    lines: list[str]
    unit: str = "line"
    ended: bool = True  # whether the last one has a line end

    def at(self, index: int) -> str:
        """A line, named for a finding."""
        return f"{self.name}: {self.unit} {index + 1}: {self.lines[index].strip()[:40]!r}"


class Checks:
    """Goes through split after split; `findings` says what was odd."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.findings = Findings(Kind)
        self.seen: dict[str, set[tuple[str, str]]] = {}  # each split's pairs

    def run(self, split: str, source: Side, target: Side) -> tuple[list[str], list[str]]:
        """The pairs that are used; those of train with blanks alone as white space.

        Raises DataError where the sides do not pair up, nothing is left, or a line that is kept is empty.
        """
        if len(source.lines) != len(target.lines):
            raise DataError(
                f"{source.place} has {len(source.lines)} {source.unit}s and {target.place} {len(target.lines)}; "
                "they must pair up"
            )
        if not source.lines:
            raise DataError(f"{source.place}: holds no sentence")
        for side in (source, target):
            if not side.ended:
                self.findings.add(Kind.UNENDED, side.at(len(side.lines) - 1), split, "kept")
        pairs = list(self.used(split, source, target))
        if not pairs:
            raise DataError(f"{source.place} and {target.place}: no pair can be used")
        return [first for first, _ in pairs], [second for _, second in pairs]

    def used(self, split: str, source: Side, target: Side) -> Iterator[tuple[str, str]]:
        """Pair after pair."""
        for index, given in enumerate(zip(source.lines, target.lines, strict=True)):
            first, second = (" ".join(line.split()) for line in given)
            if self.unusable(split, index, (source, first), (target, second)):
                continue
            if self.repeated(split, source.at(index), (first, second)):
                continue
            for side, line, clean in zip((source, target), given, (first, second), strict=True):
                if clean != line:
                    self.findings.add(Kind.BLANKS, side.at(index), split, "kept")
            yield (first, second) if split == "train" else given

    def unusable(self, split: str, index: int, *sides: tuple[Side, str]) -> bool:
        """Whether the pair is left out because nothing can be learnt from one of its lines."""
        dropping = split == "train" and self.limits.drop_unusable
        for side, line in sides:
            kind = self.fault(line)
            if kind is None:
                continue
            if kind is Kind.EMPTY and not dropping:
                way = "; remove the pair" + (", or give drop_unusable=true" if split == "train" else "")
                raise DataError(f"{side.place}: {side.unit} {index + 1} is empty{way}")
            self.findings.add(kind, side.at(index), split, "left out" if dropping else "kept")
            return dropping
        return False

    def fault(self, line: str) -> Kind | None:
        """What is wrong with a line by itself."""
        if not line:
            return Kind.EMPTY
        if not any(character.isalpha() for character in line):
            return Kind.WORDLESS
        if "\ufffd" in line:  # what decoders write for bytes that they cannot read
            return Kind.LOST
        return Kind.LONG if line.count(" ") >= self.limits.most_words else None

    def repeated(self, split: str, what: str, pair: tuple[str, str]) -> bool:
        """Whether the pair is left out because it says nothing new."""
        train = split == "train"
        here = self.seen.setdefault(split, set())
        elsewhere = [other for other, pairs in self.seen.items() if other != split and pair in pairs]
        drops = [
            (Kind.IDENTICAL, pair[0] == pair[1], train and self.limits.drop_identical),
            (Kind.AGAIN, pair in here, train and self.limits.drop_duplicates),
            (Kind.LEAK, bool(elsewhere), False),
        ]
        here.add(pair)
        for kind, found, dropped in drops:
            if found:
                named = f"{what} (also in {elsewhere[0]})" if kind is Kind.LEAK else what
                self.findings.add(kind, named, split, "left out" if dropped else "kept")
                if dropped:
                    return True
        return False
