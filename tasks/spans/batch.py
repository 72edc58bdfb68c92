"""A batch of questions on documents, from rows of text."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from attnbench.tasks.examples import Columns
from attnbench.tasks.sequence.text import link_matrix, padded
from attnbench.tasks.source import DataError
from attnbench.tasks.spans.lexicon import Lexicon
from attnbench.tasks.spans.marks import document_marks, question_marks
from attnbench.tasks.spans.tokens import Words, words_of
from attnbench.tasks.spans.windows import Parting, Windows


class Texts(NamedTuple):
    """Padded texts: their words' numbers, those as words outside the vocabulary, forms and marks."""

    numbers: Int[Tensor, "batch length"]
    buckets: Int[Tensor, "batch length"]
    forms: Int[Tensor, "batch length 3"]
    marks: Float[Tensor, "batch length mark"]
    mask: Bool[Tensor, "batch length"]


class Question(NamedTuple):
    """A batch of questions, each with its document; `contexts` is the text that `words` are parts of."""

    document: Texts
    question: Texts
    windows: Windows | None
    first: Int[Tensor, " batch"]  # word of the answer
    last: Int[Tensor, " batch"]
    gold: Bool[Tensor, "batch memory length"] | None  # which word of the question each word of the document answers to
    words: list[Words]
    contexts: list[str]
    asked: list[list[str]]
    answers: list[list[str]]
    ids: list[str]


class Collating(NamedTuple):
    """How rows become a batch; of a question no more than `longest_question` words are read."""

    lexicon: Lexicon
    parting: Parting
    longest_question: int

    def __call__(self, rows: Columns) -> Question:
        """A batch from columns. Rows that are `taught` are cut to the window that holds their answer."""
        documents = [words_of(text) for text in rows["document"]]
        asked = [words_of(text).words[: self.longest_question] for text in rows["question"]]
        for name, words in zip(rows["id"], [*zip(documents, asked, strict=True)], strict=True):
            if not (words[0].words and words[1]):
                raise DataError(f"question {name}: {'it' if words[0].words else 'its document'} has no word")
        first, last = zip(*map(self.answered, documents, rows["answers"], rows["starts"]), strict=True)
        if "taught" in rows:
            cuts = [self.parting.holding(len(d.words), a, b) for d, a, b in zip(documents, first, last, strict=True)]
            documents = [words.cut(*cut) for words, cut in zip(documents, cuts, strict=True)]
            first = tuple(place - cut[0] for place, cut in zip(first, cuts, strict=True))
            last = tuple(min(place, cut[1] - 1) - cut[0] for place, cut in zip(last, cuts, strict=True))
        texts = [(words.words, question) for words, question in zip(documents, asked, strict=True)]
        document = self.texts([a for a, _ in texts], [document_marks(a, b, self.lexicon) for a, b in texts])
        question = self.texts(asked, [question_marks(b, a, self.lexicon) for a, b in texts])
        lengths = [len(words.words) for words in documents]
        gold = link_matrix(rows["gold"], max(lengths), question.mask.shape[1]) if "gold" in rows else None
        return Question(
            document,
            question,
            self.parting.windows(lengths),
            torch.tensor(first),
            torch.tensor(last),
            gold,
            documents,
            rows["document"],
            asked,
            rows["answers"],
            rows["id"],
        )

    @staticmethod
    def answered(words: Words, answers: Sequence[str], starts: Sequence[int]) -> tuple[int, int]:
        """First and last word of the first answer that is given, or of the document where none is known."""
        if not answers:
            return 0, 0
        found = words.covering(starts[0], starts[0] + len(answers[0]))
        if found is None:
            raise DataError(f"answer {answers[0]!r}: no word of the document at offset {starts[0]}")
        return found

    def texts(self, texts: Sequence[Sequence[str]], marks: Sequence[Float[np.ndarray, "_ mark"]]) -> Texts:
        """Words as tensors."""
        known = [[self.lexicon[word] for word in text] for text in texts]
        length = max(map(len, known))
        forms = torch.zeros(len(known), length, 3, dtype=torch.long)
        told = torch.zeros(len(known), length, marks[0].shape[1])
        for row, (words, mark) in enumerate(zip(known, marks, strict=True)):
            forms[row, : len(words)] = torch.tensor([word.forms for word in words])
            told[row, : len(words)] = torch.from_numpy(np.ascontiguousarray(mark))
        numbers = padded([[word.number for word in words] for words in known])
        buckets = padded([[word.bucket for word in words] for words in known])
        mask = torch.arange(length) < torch.tensor([[len(words)] for words in known])
        return Texts(numbers, buckets, forms, told, mask)
