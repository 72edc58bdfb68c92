"""Questions on numbered facts: the bAbI tasks, measured by accuracy."""

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import ClassVar, Literal, Protocol, runtime_checkable

from datasets import Dataset

from attnbench.attention import AttentionFactory
from attnbench.tasks.babi import measures
from attnbench.tasks.babi.batch import Questions, Sentences, marked
from attnbench.tasks.babi.files import BabiFiles
from attnbench.tasks.babi.whereabouts import Whereabouts
from attnbench.tasks.base import Model, Prediction, Task
from attnbench.tasks.examples import Columns, Examples
from attnbench.tasks.sequence.text import Vocabulary, padded
from attnbench.tasks.source import Source

READS = (Whereabouts, BabiFiles)


@runtime_checkable
class FactReader(Protocol):
    """A reader whose vocabularies and attention are left open."""

    def __call__(self, words: Vocabulary, answers: Vocabulary, attention: AttentionFactory) -> Model:
        """The model."""
        ...


class Babi(Task):
    """What is the answer, given the facts so far? One task of bAbI (Weston et al. 2015), or several learnt together.

    Words, and words of answers, are the training split's. An answer is right if all its words are, in their order.
    """

    name: ClassVar[str] = "babi"
    primary: ClassVar[str] = "accuracy"
    better: ClassVar[Literal["higher", "lower"]] = "higher"

    def __init__(self, data: Source, model: FactReader, *, batch_size: int, seed: int) -> None:
        if not isinstance(data, READS):
            raise ValueError(
                f"task/data={data.name}: task babi reads facts with questions, such as whereabouts or babi_10k"
            )
        self.build = model
        self.data = Examples(data, self.collate, length=facts_told, batch_size=batch_size, seed=seed)

    @cached_property
    def vocabularies(self) -> tuple[Vocabulary, Vocabulary]:
        """All words, and those of answers, of the training split alone."""
        train = self.data.splits["train"]
        told = {*train["question"], *(fact for facts in train["facts"] for fact in facts)}
        return Vocabulary(text.split() for text in told), Vocabulary(answer.split(",") for answer in train["answer"])

    def collate(self, rows: Columns) -> Questions:
        """A batch from columns."""
        words, answers = self.vocabularies
        sentences = Sentences()
        facts = padded([sentences.numbered(facts) for facts in rows["facts"]])
        question = padded([[sentences.number(text)] for text in rows["question"]]).squeeze(1)
        return Questions(
            sentences=sentences.encode(words),
            facts=facts,
            question=question,
            answer=padded([answers.encode(text.split(","), start=True, end=True) for text in rows["answer"]]),
            gold=marked(rows["support"], facts.shape[1]) if "support" in rows else None,
            facts_told=rows["facts"],
            questions=rows["question"],
            answers=rows["answer"],
            about=[json.dumps({"task": task}) for task in rows["task"]],
        )

    def model(self, attention: AttentionFactory) -> Model:
        """The model with this data's vocabularies."""
        words, answers = self.vocabularies
        return self.build(words, answers, attention)

    def measure(self, predictions: Sequence[Prediction]) -> Mapping[str, float]:
        """Accuracy and evidence in percent (0-100), over all questions and over each task's, and how many tasks failed."""
        return measures.overall(predictions)

    def measure_each(self, predictions: Sequence[Prediction]) -> Mapping[str, Sequence[float]]:
        """Accuracy and evidence a question."""
        return measures.each(predictions)


def facts_told(split: Dataset) -> list[int]:
    """How many facts come before each question."""
    return [len(facts) for facts in split["facts"]]
