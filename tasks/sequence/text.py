"""Words and their numbers."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from jaxtyping import Bool, Int
from torch import Tensor

PAD, UNKNOWN, START, END = "<pad>", "<unk>", "<s>", "</s>"
SPECIAL = (PAD, UNKNOWN, START, END)


class Vocabulary:
    """Words in order of falling frequency behind the four special symbols; equal counts stand in alphabetical order."""

    pad, unknown, start, end = range(len(SPECIAL))

    def __init__(self, sentences: Iterable[Sequence[str]], *, least_count: int = 1) -> None:
        counts = Counter(word for sentence in sentences for word in sentence)
        known = sorted((-count, word) for word, count in counts.items() if count >= least_count and word not in SPECIAL)
        self.number([*SPECIAL, *(word for _, word in known)])

    @classmethod
    def of(cls, words: Sequence[str]) -> "Vocabulary":
        """The vocabulary whose `words` these are, the special symbols first."""
        vocabulary = Vocabulary(())
        vocabulary.number(words)
        return vocabulary

    def number(self, words: Sequence[str]) -> None:
        """Takes the words in this order."""
        self.words = list(words)
        self.numbers = {word: number for number, word in enumerate(self.words)}

    def plain(self) -> dict[str, Any]:
        """What it takes to make the vocabulary again, as JSON has it."""
        return {"words": self.words}

    def __len__(self) -> int:
        return len(self.words)

    def split(self, sentence: str) -> list[str]:
        """A sentence's words."""
        return sentence.split()

    def text(self, words: Sequence[str]) -> str:
        """The sentence that the words make."""
        return " ".join(words)

    def encode(self, sentence: Sequence[str], *, start: bool = False, end: bool = False) -> list[int]:
        """The words' numbers, between the start and end symbols where asked for; a word that looks like a symbol is unknown."""
        inner = [self.unknown if word in SPECIAL else self.numbers.get(word, self.unknown) for word in sentence]
        return [self.start] * start + inner + [self.end] * end

    def decode(self, numbers: Sequence[int]) -> list[str]:
        """The words up to the first end symbol."""
        words = []
        for number in numbers:
            if number == self.end:
                break
            words.append(self.words[number])
        return words


def padded(rows: Sequence[Sequence[int]]) -> Int[Tensor, "batch length"]:
    """Rows of numbers as one tensor, filled up with the padding symbol."""
    result = torch.full((len(rows), max(len(row) for row in rows)), Vocabulary.pad)
    for index, row in enumerate(rows):
        result[index, : len(row)] = torch.tensor(row, dtype=torch.long)
    return result


def link_matrix(
    links: Sequence[Sequence[Sequence[int]]], queries: int, memory: int
) -> Bool[Tensor, "batch query memory"]:
    """Gold links [query, position] of each example as a mask."""
    result = torch.zeros(len(links), queries, memory, dtype=torch.bool)
    for index, pairs in enumerate(links):
        for query, position in pairs:
            result[index, query, position] = True
    return result
