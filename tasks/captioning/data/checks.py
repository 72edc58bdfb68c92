"""What becomes of each image and caption: used, left out, or used although something is odd; all of it counted.

A fault of an image leaves it out of train. In validation and test it is an error, because figures are compared on the standard
splits; only `drop_damaged` goes on without. Captions that say nothing are left out of train and stay references elsewhere.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from attnbench.tasks.captioning.data.entries import Entry
from attnbench.tasks.captioning.data.examined import Look
from attnbench.tasks.captioning.data.faults import NOWHERE, Kind
from attnbench.tasks.source import SPLITS, DataError, Findings

TOLD = 3  # names in an error


class Limits(NamedTuple):
    """What is taken for a fault."""

    drop_damaged: bool
    least_side: int  # pixels
    least_words: int
    most_words: int


class Example(NamedTuple):
    """What is used of an entry."""

    entry: Entry
    file: Path
    look: Look
    captions: list[str]  # words parted by blanks


class Checks:
    """Sorts entries into splits; `findings` says what was odd."""

    def __init__(self, limits: Limits, looks: Mapping[Path, Look], words: Callable[[str], list[str]]) -> None:
        self.limits = limits
        self.looks = looks
        self.words = words
        self.findings = Findings(Kind)
        self.lost: dict[str, dict[Kind, list[str]]] = {split: defaultdict(list) for split in SPLITS}
        self.splits: dict[str, list[Example]] = {split: [] for split in SPLITS}

    def run(self, entries: Iterable[Entry], source: str) -> dict[str, list[Example]]:
        """The examples of each split. Raises DataError where validation or test would not be whole, or a split is empty."""
        for entry in entries:
            self.place(entry)
        for split in SPLITS:
            lost = self.lost[split]
            faults = "; ".join(f"{kind} {len(those)} ({', '.join(those[:TOLD])})" for kind, those in lost.items())
            if faults and split != "train" and not self.limits.drop_damaged:
                raise DataError(f"{source}: {split} is not whole: {faults}; mend it, or give drop_damaged=true")
            if not self.splits[split]:
                raise DataError(f"{source}: {split} has no example; {faults or 'nothing is listed in it'}")
        self.compare()
        return self.splits

    def place(self, entry: Entry) -> None:
        """Puts one entry into its split, or leaves it out."""
        if not entry.splits:
            there = entry.file is not None and entry.file.is_file()
            self.findings.add(Kind.NO_SPLIT if there else Kind.NO_IMAGE, entry.name, NOWHERE, "left out")
            return
        *earlier, split = sorted(entry.splits, key=SPLITS.index)
        for other in earlier:  # what is tested on is not trained on
            self.lose(Kind.TWO_SPLITS, f"{entry.name} (also in {split})", other)
        look = None if entry.file is None else self.looks.get(entry.file)
        if entry.file is None or look is None:
            self.lose(Kind.MISSING, entry.name, split)
        elif look.fault:
            self.lose(Kind.DAMAGED, f"{entry.name} ({look.fault})", split)
        elif min(look.width, look.height) < self.limits.least_side:
            self.lose(Kind.SMALL, f"{entry.name} ({look.width}x{look.height})", split)
        elif captions := self.captions(entry, split):
            self.splits[split].append(Example(entry, entry.file, look, captions))
        else:
            self.lose(Kind.SILENT, entry.name, split)

    def lose(self, kind: Kind, what: str, split: str) -> None:
        """Leaves an image out of a split."""
        self.findings.add(kind, what, split, "left out")
        self.lost[split][kind].append(what)

    def captions(self, entry: Entry, split: str) -> list[str]:
        """An image's captions that are used."""
        used: list[str] = []
        for text in entry.captions:
            words = self.words(text)
            caption = " ".join(words)
            kind = self.junk(words)
            kept = kind is None or (split != "train" and kind is not Kind.EMPTY)
            if kind is not None:
                self.findings.add(kind, f"{entry.name}: {text.strip()[:40]!r}", split, "kept" if kept else "left out")
            elif caption in used:
                self.findings.add(Kind.AGAIN, f"{entry.name}: {text.strip()[:40]!r}", split, "kept")
            if kept:
                used.append(caption)
        return used

    def junk(self, words: list[str]) -> Kind | None:
        """What is wrong with a caption, if anything."""
        if not words:
            return Kind.EMPTY
        if not any(letter.isalpha() for word in words for letter in word):
            return Kind.WORDLESS
        if len(words) < self.limits.least_words:
            return Kind.SHORT
        return Kind.LONG if len(words) > self.limits.most_words else None

    def compare(self) -> None:
        """Finds images that are used under several names."""
        same: dict[str, list[tuple[str, Example]]] = defaultdict(list)
        for split, examples in self.splits.items():
            for example in examples:
                same[example.look.pixels].append((split, example))
        for those in same.values():
            if len(those) > 1:
                splits = list(dict.fromkeys(split for split, _ in those))
                one_file = len({example.look.checksum for _, example in those}) == 1
                names = " = ".join(f"{example.entry.name} ({split})" for split, example in those)
                what = f"{names}, {'the same file' if one_file else 'the same pixels'}"
                self.findings.add(Kind.SAME if len(splits) == 1 else Kind.LEAK, what, " and ".join(splits), "kept")
