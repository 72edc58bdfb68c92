"""What sentences are written in: words, or pieces of words."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from attnbench.tasks.sequence.text import Vocabulary
from attnbench.tasks.translation.pieces import FIXED, Pieces

Vocabularies = tuple[Vocabulary, Vocabulary]


class Units(ABC):
    """How vocabularies come from the training split's sentences."""

    name: ClassVar[str]
    raw: ClassVar[bool]  # whether raw text can be written in them and comes back as it was

    @abstractmethod
    def vocabularies(self, source: Sequence[str], target: Sequence[str], *, least_count: int) -> Vocabularies:
        """Source and target vocabulary; the same object where they are one."""


class Words(Units):
    """The words between blanks that occur at least `least_count` times; all others are `<unk>`.

    `joint` is one vocabulary for both languages, in which a word that both write alike is one word and counts in both.
    """

    name: ClassVar[str] = "words"
    raw: ClassVar[bool] = False

    def __init__(self, *, joint: bool = False) -> None:
        self.joint = joint

    def vocabularies(self, source: Sequence[str], target: Sequence[str], *, least_count: int) -> Vocabularies:
        """One for each language, or one for both."""

        def counted(lines: Sequence[str]) -> Vocabulary:
            return Vocabulary(map(str.split, lines), least_count=least_count)

        if self.joint:
            both = counted([*source, *target])
            return both, both
        return counted(source), counted(target)


class BytePairs(Units):
    """Byte-pair encoding: one vocabulary of at most `size` pieces for both languages, or one of that size for each.

    `size` counts the 4 special symbols and the 256 bytes too.
    """

    name: ClassVar[str] = "bpe"
    raw: ClassVar[bool] = True

    def __init__(self, *, size: int, joint: bool, lowercase: bool = False) -> None:
        if type(size) is not int or size <= len(FIXED):
            raise ValueError(f"size={size}: must be more than {len(FIXED)}, the special symbols and the bytes")
        self.size = size
        self.joint = joint
        self.lowercase = lowercase

    def vocabularies(self, source: Sequence[str], target: Sequence[str], *, least_count: int) -> Vocabularies:
        """Learns them."""

        def learnt(lines: Sequence[str]) -> Pieces:
            return Pieces.learnt(lines, size=self.size, least_count=least_count, lowercase=self.lowercase)

        if self.joint:
            both = learnt([*source, *target])
            return both, both
        return learnt(source), learnt(target)


def kept(vocabularies: Vocabularies) -> dict[str, Any]:
    """Both vocabularies as JSON has them; a joint one stands there once."""
    source, target = vocabularies
    return {"source": source.plain(), "target": None if target is source else target.plain()}


def recalled(plain: Mapping[str, Any]) -> Vocabularies:
    """The vocabularies that were kept."""
    source = restored(plain["source"])
    return source, source if plain["target"] is None else restored(plain["target"])


def restored(plain: Mapping[str, Any]) -> Vocabulary:
    """The vocabulary that said this of itself."""
    if "merges" in plain:
        return Pieces(plain["words"], plain["merges"], lowercase=plain["lowercase"])
    return Vocabulary.of(plain["words"])
