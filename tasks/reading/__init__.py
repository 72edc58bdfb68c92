"""Reading comprehension by cloze questions about a document's entities, measured by accuracy."""

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import ClassVar, Literal, Protocol, runtime_checkable

import torch
from datasets import Dataset

from attnbench.attention import AttentionFactory
from attnbench.tasks.base import Model, Prediction, Task
from attnbench.tasks.examples import Columns, Examples
from attnbench.tasks.reading.measures import accuracies, hits
from attnbench.tasks.reading.model import Cloze
from attnbench.tasks.reading.stories import Stories
from attnbench.tasks.sequence.text import Vocabulary, link_matrix, padded
from attnbench.tasks.source import DataError, Source

READS = (Stories,)


@runtime_checkable
class ReadingModel(Protocol):
    """A reader whose vocabularies and attention are left open."""

    def __call__(self, words: Vocabulary, entities: Vocabulary, attention: AttentionFactory) -> Model:
        """The model."""
        ...


class Reading(Task):
    """Which of a document's entities stands for the question's placeholder.

    Words and entities are the training split's. An entity that it lacks is `<unk>`, which is never the right answer's name.
    """

    name: ClassVar[str] = "reading"
    primary: ClassVar[str] = "accuracy"
    better: ClassVar[Literal["higher", "lower"]] = "higher"

    def __init__(self, data: Source, model: ReadingModel, *, batch_size: int, seed: int) -> None:
        if not isinstance(data, READS):
            raise ValueError(
                f"task/data={data.name}: task reading reads documents with cloze questions, such as stories"
            )
        self.build = model
        self.data = Examples(data, self.collate, length=document_lengths, batch_size=batch_size, seed=seed)

    @cached_property
    def vocabularies(self) -> tuple[Vocabulary, Vocabulary]:
        """All words, and those that are entities, of the training split alone."""
        train = self.data.splits["train"]
        return Vocabulary([*train["document"], *train["question"]]), Vocabulary(train["candidates"])

    def collate(self, rows: Columns) -> Cloze:
        """A batch from columns. Raises DataError where an answer is not among its candidates."""
        words, entities = self.vocabularies
        document = padded([words.encode(text) for text in rows["document"]])
        candidates = torch.zeros(len(document), len(entities), dtype=torch.bool)
        for row, (answer, among) in enumerate(zip(rows["answer"], rows["candidates"], strict=True)):
            if answer not in among:
                raise DataError(f"answer {answer}: not among the document's candidates {', '.join(among)}")
            candidates[row, entities.encode(among)] = True
        return Cloze(
            document=document,
            question=padded([words.encode(text) for text in rows["question"]]),
            candidates=candidates,
            answer=torch.tensor(entities.encode(rows["answer"])),
            gold=link_matrix(rows["gold"], 1, document.shape[1]) if "gold" in rows else None,
            document_words=rows["document"],
            question_words=rows["question"],
            answers=rows["answer"],
            about=[json.dumps({"hops": hops}) for hops in rows.get("hops", [])],
        )

    def model(self, attention: AttentionFactory) -> Model:
        """The model with this data's vocabularies."""
        words, entities = self.vocabularies
        return self.build(words, entities, attention)

    def measure(self, predictions: Sequence[Prediction]) -> Mapping[str, float]:
        """Accuracy in percent (0-100), overall and by hops."""
        return accuracies(predictions)

    def measure_each(self, predictions: Sequence[Prediction]) -> Mapping[str, Sequence[float]]:
        """Accuracy a story, 0 or 100."""
        return {"accuracy": hits(predictions)}


def document_lengths(split: Dataset) -> list[int]:
    """How many words each document has."""
    return [len(words) for words in split["document"]]
