"""A batch of questions on facts."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from attnbench.tasks.sequence.text import Vocabulary, padded


class Questions(NamedTuple):
    """Facts are told by number: each distinct sentence of the batch stands once in `sentences`, behind an empty one."""

    sentences: Int[Tensor, "sentences length"]
    facts: Int[Tensor, "batch memory"]  # numbers of sentences, 0 behind the last
    question: Int[Tensor, " batch"]  # number of a sentence
    answer: Int[Tensor, "batch symbols"]  # its words between the start and end symbols
    gold: Bool[Tensor, "batch 1 memory"] | None  # the supporting facts
    facts_told: list[list[str]]
    questions: list[str]
    answers: list[str]
    about: list[str]


class Sentences:
    """The distinct sentences of a batch, numbered from 1."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}

    def number(self, text: str) -> int:
        """A sentence's number."""
        return self.numbers.setdefault(text, len(self.numbers) + 1)

    def numbered(self, texts: Iterable[str]) -> list[int]:
        """The sentences' numbers."""
        return [self.number(text) for text in texts]

    def encode(self, words: Vocabulary) -> Int[Tensor, "sentences length"]:
        """All sentences' words, behind an empty sentence."""
        return padded([[], *(words.encode(text.split()) for text in self.numbers)])


def marked(places: Sequence[Sequence[int]], memory: int) -> Bool[Tensor, "batch 1 memory"]:
    """Each example's places among the facts as a mask."""
    result = torch.zeros(len(places), 1, memory, dtype=torch.bool)
    for index, own in enumerate(places):
        result[index, 0, list(own)] = True
    return result
