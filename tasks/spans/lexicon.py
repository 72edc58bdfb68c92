"""What a reader knows a word by: its number, its form, and how rare it is."""

import math
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from attnbench.tasks.sequence.text import Vocabulary

BUCKETS = 256  # that words outside the vocabulary are hashed to
FORMS = 512  # that prefixes are hashed to, suffixes too, and shapes
STEM = 5  # letters: words that begin alike so far are taken for one


class Known(NamedTuple):
    """A word as a reader has it: numbers of embeddings, what it is compared by, and its rarity from 0 to 1."""

    number: int
    bucket: int  # its number as a word outside the vocabulary
    forms: tuple[int, int, int]  # prefix, suffix, shape
    lower: str
    stem: str
    rarity: float


class Lexicon:
    """Lower-cased words that occur `least_count` times in texts, and the share of documents that each occurs in.

    rarity(w) = log(N / df) / log N over N documents, 1 for a word outside. A word outside has a number of its hash, which
    others may share; so have all prefixes and suffixes of three letters and all shapes, such as Xxxx and dddd.
    """

    def __init__(
        self, documents: Iterable[Sequence[str]], questions: Iterable[Sequence[str]], *, least_count: int
    ) -> None:
        lowered = [[word.lower() for word in text] for text in documents]
        asked = ([word.lower() for word in text] for text in questions)
        words = Vocabulary([*lowered, *asked], least_count=least_count)
        found = Counter(word for text in lowered for word in set(text))
        whole = math.log(max(2, len(lowered)))
        rarity = [min(1.0, 1 - math.log(max(1, found[word])) / whole) for word in words.words]
        self.take(words, rarity)

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> "Lexicon":
        """The lexicon that `plain` tells of."""
        lexicon = cls((), (), least_count=1)
        lexicon.take(Vocabulary.of(plain["words"]), plain["rarity"])
        return lexicon

    def take(self, words: Vocabulary, rarity: Sequence[float]) -> None:
        """Takes the words with their rarity."""
        self.words = words
        self.rarity = list(rarity)
        self.seen: dict[str, Known] = {}

    def plain(self) -> dict[str, Any]:
        """What it takes to make the lexicon again, as JSON has it."""
        return {**self.words.plain(), "rarity": self.rarity}

    @property
    def size(self) -> int:
        """How many numbers words have, with those of words outside."""
        return len(self.words) + BUCKETS

    def __getitem__(self, word: str) -> Known:
        known = self.seen.get(word)
        if known is None:
            known = self.seen[word] = self.known(word)
        return known

    def known(self, word: str) -> Known:
        """What is known of a word."""
        lower = word.lower()
        (number,) = self.words.encode([lower])
        bucket = len(self.words) + hashed(lower, BUCKETS)
        inside = number != Vocabulary.unknown
        forms = [hashed(form, FORMS) + place * FORMS for place, form in enumerate((lower[:3], lower[-3:], shape(word)))]
        return Known(
            number if inside else bucket,
            bucket,
            (forms[0], forms[1], forms[2]),
            lower,
            lower[:STEM],
            self.rarity[number] if inside else 1.0,
        )


def hashed(text: str, size: int) -> int:
    """A number below `size`, the same on every machine."""
    return zlib.crc32(text.encode("utf-8", "surrogatepass")) % size


def shape(word: str) -> str:
    """X for capitals, x for other letters, d for digits, runs of four or more as four: `Xxxx` of Chancellor."""
    kinds = ("X" if c.isupper() else "x" if c.isalpha() else "d" if c.isdigit() else c for c in word)
    return "".join(kind * min(4, len(list(run))) for kind, run in groupby(kinds))
