"""What a search comes back with."""

from collections.abc import Sequence
from typing import NamedTuple

from jaxtyping import Int
from torch import Tensor

from attnbench.attention import Alignment
from attnbench.tasks.sequence.text import END, Vocabulary


class Scored(NamedTuple):
    """One sentence, end symbol included if it was said, and what the search held it to be worth."""

    words: list[int]
    score: float


class Said(NamedTuple):
    """What was said, end symbol included, padded; each place's alignment has a query for each word of it.

    `ranked` is each example's best sentences, best first, where a search scored them; the first is the one that was said.
    """

    words: Int[Tensor, "batch length"]
    alignments: Sequence[Alignment]
    ranked: Sequence[Sequence[Scored]] = ()

    def sentences(self, vocabulary: Vocabulary) -> list[list[str]]:
        """The words without the end symbol."""
        return [vocabulary.decode(row) for row in self.words.tolist()]

    def queries(self, vocabulary: Vocabulary) -> list[list[str]]:
        """What each query of the alignments led to: the words, and the end symbol where it was said."""
        return [vocabulary.decode(row) + [END] * (Vocabulary.end in row) for row in self.words.tolist()]


def joined(steps: Sequence[Sequence[Alignment]]) -> list[Alignment]:
    """Each place's alignment, from those of successive steps."""
    return [Alignment.join(list(place)) for place in zip(*steps, strict=True)]
