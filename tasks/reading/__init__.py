"""Reading comprehension by cloze questions about a document's entities, measured by accuracy."""

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import chain
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

import torch
from datasets import Dataset

from attnbench.attention import AttentionFactory
from attnbench.tasks.base import Model, Prediction, Task
from attnbench.tasks.examples import Columns, Examples
from attnbench.tasks.reading.cloze import ClozeSource
from attnbench.tasks.reading.measures import accuracies, hits
from attnbench.tasks.reading.model import Cloze, Reader
from attnbench.tasks.reading.stories import Stories
from attnbench.tasks.reading.stories_long import LongStories
from attnbench.tasks.sequence.text import Vocabulary, link_matrix, padded
from attnbench.tasks.sequence.vectors import Vectors
from attnbench.tasks.source import DataError, Source

READS = (Stories, LongStories, ClozeSource)


@runtime_checkable
class ReadingModel(Protocol):
    """A reader whose vocabularies and attention are left open."""

    def __call__(self, words: Vocabulary, entities: Vocabulary, attention: AttentionFactory) -> Model:
        """The model."""
        ...


class Reading(Task):
    """Which of a document's entities stands for the question's placeholder.

    Words and entities are the training split's, words those that occur at least `least_count` times. An entity that it
    lacks is `<unk>`, which is never the right answer's name. `vectors` is a file below `data_dir` from which words take their
    first vectors.
    """

    name: ClassVar[str] = "reading"
    primary: ClassVar[str] = "accuracy"
    better: ClassVar[Literal["higher", "lower"]] = "higher"

    def __init__(
        self,
        data: Source,
        model: ReadingModel,
        *,
        batch_size: int,
        seed: int,
        least_count: int = 1,
        vectors: str | None = None,
        data_dir: str | None = None,
    ) -> None:
        if not isinstance(data, READS):
            raise ValueError(
                f"task/data={data.name}: task reading reads documents with cloze questions, such as stories"
            )
        if least_count < 1:
            raise ValueError(f"least_count={least_count}: must be at least 1")
        self.build = model
        self.least_count = least_count
        self.vectors = None if vectors is None else Vectors(data_dir=data_dir, file=vectors)
        self.vectors_found: Mapping[str, Mapping[str, Any]] = {}
        self.recalled = False
        self.data = Examples(data, self.collate, length=document_lengths, batch_size=batch_size, seed=seed)

    @cached_property
    def vocabularies(self) -> tuple[Vocabulary, Vocabulary]:
        """All words, and those that are entities, of the training split alone."""
        train = self.data.splits["train"]
        words = chain(train["document"], train["question"])
        return Vocabulary(words, least_count=self.least_count), Vocabulary(train["candidates"])

    def collate(self, rows: Columns) -> Cloze:
        """A batch from columns. Raises DataError where an answer is not among its candidates."""
        words, entities = self.vocabularies
        document = padded([words.encode(text) for text in rows["document"]])
        candidates = torch.zeros(len(document), len(entities), dtype=torch.bool)
        mentions = torch.full_like(document, Vocabulary.pad)
        for row, (answer, among) in enumerate(zip(rows["answer"], rows["candidates"], strict=True)):
            if answer not in among:
                raise DataError(f"answer {answer}: not among the document's candidates {', '.join(among)}")
            numbers = dict(zip(among, entities.encode(among), strict=True))
            candidates[row, list(numbers.values())] = True
            text = rows["document"][row]
            mentions[row, : len(text)] = torch.tensor([numbers.get(word, Vocabulary.pad) for word in text])
        return Cloze(
            document=document,
            question=padded([words.encode(text) for text in rows["question"]]),
            mentions=mentions,
            candidates=candidates,
            answer=torch.tensor(entities.encode(rows["answer"])),
            gold=link_matrix(rows["gold"], 1, document.shape[1]) if "gold" in rows else None,
            document_words=rows["document"],
            question_words=rows["question"],
            answers=rows["answer"],
            about=[json.dumps({"hops": hops}) for hops in rows.get("hops", [])],
        )

    def model(self, attention: AttentionFactory) -> Model:
        """The model with this data's vocabularies, which it keeps; one that was trained before needs no file of vectors."""
        words, entities = self.vocabularies
        model = self.build(words, entities, attention)
        model.kept = {"words": words.plain(), "entities": entities.plain()}
        if self.vectors is not None and not self.recalled:
            if not isinstance(model, Reader):
                raise ValueError(f"vectors={self.vectors.file}: {type(model).__name__} has no embedding to put them in")
            self.vectors.check(model.embedding.embedding_dim)
            self.vectors_found = self.vectors.fill(model.embedding, words)
        return model

    def recall(self, kept: Mapping[str, Any]) -> None:
        """Takes the vocabularies."""
        if "words" in kept:
            words, entities = (Vocabulary.of(kept[name]["words"]) for name in ("words", "entities"))
            self.vocabularies, self.recalled = (words, entities), True

    def findings(self) -> Mapping[str, Mapping[str, Any]]:
        """What the source found, and how many words have vectors."""
        return {**super().findings(), **self.vectors_found}

    def measure(self, predictions: Sequence[Prediction]) -> Mapping[str, float]:
        """Accuracy in percent (0-100), overall and by hops."""
        return accuracies(predictions)

    def measure_each(self, predictions: Sequence[Prediction]) -> Mapping[str, Sequence[float]]:
        """Accuracy a story, 0 or 100."""
        return {"accuracy": hits(predictions)}


def document_lengths(split: Dataset) -> list[int]:
    """How many words each document has."""
    return [len(words) for words in split["document"]]
