"""Word vectors from a text file in GloVe's form, as what an embedding starts from."""

import gzip
import math
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import torch
from torch import nn

from attnbench.tasks.sequence.text import SPECIAL, Vocabulary
from attnbench.tasks.source import DataError, Findings, found


class Kind(StrEnum):
    """What becomes of a vocabulary's words."""

    WITH = "word with a vector"
    WITHOUT = "word without a vector"


@dataclass(frozen=True, kw_only=True)
class Vectors:
    """A word and its numbers a line, parted by single blanks (Pennington et al. 2014); a name that ends in .gz is gzipped.

    A first line of two whole numbers, the head of word2vec's text form, is no word. Of a word that stands there twice the first
    counts. A word may hold blanks: the numbers are a line's last ones, as many as the first word has.
    """

    data_dir: str | None
    file: str

    def fill(self, embedding: nn.Embedding, words: Vocabulary) -> Mapping[str, Mapping[str, Any]]:
        """Puts the file's vectors in place of the words' own; those of other words stay. What was found, as of a `Source`.

        Raises DataError where the file cannot be read, ValueError where the sizes differ.
        """
        numbers: dict[str, list[float]] = {}
        for word, vector in self.lines(words):
            numbers.setdefault(word, vector)
        findings = Findings(Kind)
        with torch.no_grad():
            for row, word in enumerate(words.words):
                if word in numbers:
                    embedding.weight[row] = torch.tensor(numbers[word])
                if word not in SPECIAL:
                    findings.add(Kind.WITH if word in numbers else Kind.WITHOUT, word, "train", "kept")
        return findings.plain()

    def check(self, size: int) -> None:
        """Raises ValueError unless the vectors have that many numbers."""
        path = found(self.data_dir, self.file)
        length = next((len(fields) - 1 for _, fields in fields_of(path)), 0)
        if length != size:
            raise ValueError(f"{path}: vectors of {length} numbers; embedding_dim={size} must be the same")

    def lines(self, words: Vocabulary) -> Iterator[tuple[str, list[float]]]:
        """The vectors of the vocabulary's words. Raises DataError for a line that is none."""
        path = found(self.data_dir, self.file)
        size = 0
        for number, fields in fields_of(path):
            size = size or max(1, len(fields) - 1)
            word = " ".join(fields[:-size])
            if not word or is_number(fields[-size - 1], beyond=len(fields) > size + 1):
                raise DataError(f"{path}: line {number} has {len(fields) - 1} numbers; should have {size}")
            if word in words.numbers and word not in SPECIAL:
                yield word, [self.number(text, path, number) for text in fields[-size:]]

    @staticmethod
    def number(text: str, path: Path, line: int) -> float:
        """One number. Raises DataError for anything else."""
        if not is_number(text):
            raise DataError(f"{path}: line {line} holds {text[:20]!r}; should be a number")
        return float(text)


def is_number(text: str, *, beyond: bool = True) -> bool:
    """Whether the text is a finite number; not asked for where it is not `beyond` a word."""
    try:
        return beyond and math.isfinite(float(text))
    except ValueError:
        return False


def fields_of(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Each line's number and what stands between its blanks, without a head line. Raises DataError."""
    number = 0
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                fields = line.decode("utf-8").rstrip("\r\n ").split(" ")
                if number > 1 or len(fields) != 2 or not all(field.isdecimal() for field in fields):
                    yield number, fields
    except UnicodeDecodeError:
        raise DataError(f"{path}: line {number} is not UTF-8; convert the file") from None
    except (EOFError, OSError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read, cut short or damaged ({error})") from None
