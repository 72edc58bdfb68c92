"""Machine translation, measured by BLEU."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import ClassVar, Literal, Protocol, runtime_checkable

from datasets import Dataset

from attnbench.attention import AttentionFactory
from attnbench.tasks.base import Model, Prediction, Task
from attnbench.tasks.examples import Columns, Examples
from attnbench.tasks.sequence.text import Vocabulary, link_matrix, padded
from attnbench.tasks.source import Source
from attnbench.tasks.translation.measures import corpus_measures, sentence_measures
from attnbench.tasks.translation.model import Pair
from attnbench.tasks.translation.parallel import HubPairs, ParallelFiles
from attnbench.tasks.translation.phrases import Phrases

READS = (Phrases, ParallelFiles, HubPairs)


@runtime_checkable
class TranslationModel(Protocol):
    """A translation model whose vocabularies and attention are left open."""

    def __call__(self, source: Vocabulary, target: Vocabulary, attention: AttentionFactory) -> Model:
        """The model."""
        ...


class Translation(Task):
    """Sentences of one language into another, as word sequences.

    Vocabularies are the training split's words that occur at least `least_count` times; all others are `<unk>`.
    """

    name: ClassVar[str] = "translation"
    primary: ClassVar[str] = "bleu"
    better: ClassVar[Literal["higher", "lower"]] = "higher"

    def __init__(self, data: Source, model: TranslationModel, *, batch_size: int, seed: int, least_count: int) -> None:
        if not isinstance(data, READS):
            raise ValueError(
                f"task/data={data.name}: task translation reads sentence pairs, such as phrases or multi30k"
            )
        if least_count < 1:
            raise ValueError(f"least_count={least_count}: must be at least 1")
        self.build = model
        self.least_count = least_count
        self.data = Examples(data, self.collate, length=source_lengths, batch_size=batch_size, seed=seed)
        self.computed: Mapping[str, str] = {}

    @cached_property
    def vocabularies(self) -> tuple[Vocabulary, Vocabulary]:
        """Source and target words, of the training split alone."""
        train = self.data.splits["train"]
        source = Vocabulary(train["source"], least_count=self.least_count)
        return source, Vocabulary(train["target"], least_count=self.least_count)

    def collate(self, rows: Columns) -> Pair:
        """A batch from columns."""
        source, target = self.vocabularies
        sources = padded([source.encode(words) for words in rows["source"]])
        targets = padded([target.encode(words, start=True, end=True) for words in rows["target"]])
        gold = link_matrix(rows["gold"], targets.shape[1] - 1, sources.shape[1]) if "gold" in rows else None
        return Pair(sources, targets, gold, rows["source"], rows["target"])

    def model(self, attention: AttentionFactory) -> Model:
        """The model with this data's vocabularies."""
        source, target = self.vocabularies
        return self.build(source, target, attention)

    def measure(self, predictions: Sequence[Prediction]) -> Mapping[str, float]:
        """BLEU, chrF, exact match."""
        measures, self.computed = corpus_measures(predictions)
        return measures

    def measure_each(self, predictions: Sequence[Prediction]) -> Mapping[str, Sequence[float]]:
        """The same a sentence."""
        return sentence_measures(predictions)

    def signatures(self) -> Mapping[str, str]:
        """sacrebleu's."""
        return self.computed


def source_lengths(split: Dataset) -> list[int]:
    """How many words each source sentence has."""
    return [len(words) for words in split["source"]]
