"""What a search comes back with."""

from collections.abc import Sequence
from typing import NamedTuple

from jaxtyping import Float, Int
from torch import Tensor

from attnbench.attention import Alignment
from attnbench.tasks.base import Candidate
from attnbench.tasks.sequence.text import END, Vocabulary


class Scored(NamedTuple):
    """One sentence, end symbol included if it was said, what the search held it to be worth, and where each word looked."""

    words: list[int]
    score: float
    weights: Float[Tensor, "query memory"]  # the mean over the places of attention


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
        return [labels(row, vocabulary) for row in self.words.tolist()]

    def candidates(self, vocabulary: Vocabulary) -> list[list[Candidate]]:
        """The ranked sentences as text."""
        return [
            [
                Candidate(vocabulary.text(vocabulary.decode(words)), labels(words, vocabulary), score, weights)
                for words, score, weights in those
            ]
            for those in self.ranked
        ]


def labels(words: Sequence[int], vocabulary: Vocabulary) -> list[str]:
    """The words, and the end symbol where it was said."""
    return vocabulary.decode(words) + [END] * (Vocabulary.end in words)


def joined(steps: Sequence[Sequence[Alignment]]) -> list[Alignment]:
    """Each place's alignment, from those of successive steps."""
    return [Alignment.join(list(place)) for place in zip(*steps, strict=True)]
