"""Machine translation, measured by BLEU."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

from datasets import Dataset
from torch import Tensor

from attnbench.attention import AttentionFactory
from attnbench.tasks.base import Model, Prediction, Task
from attnbench.tasks.examples import Columns, Examples
from attnbench.tasks.sequence.text import Vocabulary, link_matrix, padded
from attnbench.tasks.source import Source
from attnbench.tasks.translation.measures import corpus_measures, sentence_measures
from attnbench.tasks.translation.model import Pair
from attnbench.tasks.translation.parallel import HubPairs, ParallelFiles
from attnbench.tasks.translation.phrases import Phrases
from attnbench.tasks.translation.pieces import Pieces
from attnbench.tasks.translation.units import Units, Vocabularies, Words, kept, recalled
from attnbench.tasks.translation.unknown import Replace, UnknownWords
from attnbench.tasks.translation.word_alignment import piece_links

READS = (Phrases, ParallelFiles, HubPairs)
WORDS = Words()


@runtime_checkable
class TranslationModel(Protocol):
    """A translation model whose vocabularies and attention are left open."""

    def __call__(self, source: Vocabulary, target: Vocabulary, attention: AttentionFactory) -> Model:
        """The model."""
        ...


class Translation(Task):
    """Sentences of one language into another, as sequences of words or of pieces of words.

    Vocabularies are the training split's: its units that occur at least `least_count` times. What is said of raw text is raw
    text again. With `batch_tokens`, training batches hold at most that many target symbols, padding included, instead of
    `batch_size` sentences.
    What becomes of a word `<unk>` that is said, `UnknownWords` tells.
    """

    name: ClassVar[str] = "translation"
    primary: ClassVar[str] = "bleu"
    better: ClassVar[Literal["higher", "lower"]] = "higher"

    def __init__(
        self,
        data: Source,
        model: TranslationModel,
        *,
        batch_size: int,
        seed: int,
        least_count: int,
        units: Units = WORDS,
        batch_tokens: int | None = None,
        replace_unknown: Replace = "none",
    ) -> None:
        if not isinstance(data, READS):
            raise ValueError(
                f"task/data={data.name}: task translation reads sentence pairs, such as phrases or multi30k"
            )
        if least_count < 1:
            raise ValueError(f"least_count={least_count}: must be at least 1")
        self.raw = not isinstance(data, Phrases) and data.raw
        if self.raw and not units.raw:
            raise ValueError(
                f"task/units={units.name}: {data.name} is raw text; give task/units=bpe, or data that is tokenised"
            )
        self.build = model
        self.least_count = least_count
        self.units = units
        self.unknown = UnknownWords(replace_unknown)
        self.data = Examples(
            data,
            self.collate,
            length=self.lengths,
            batch_size=batch_size,
            seed=seed,
            tokens=self.lengths,
            batch_tokens=batch_tokens,
        )
        self.computed: Mapping[str, str] = {}

    @cached_property
    def vocabularies(self) -> Vocabularies:
        """Source and target units, of the training split alone."""
        train = self.data.splits["train"]
        source, target = ([as_text(row) for row in train[side]] for side in ("source", "target"))
        return self.units.vocabularies(source, target, least_count=self.least_count)

    def collate(self, rows: Columns) -> Pair:
        """A batch from columns."""
        source, target = self.vocabularies
        truth = [as_text(row) for row in rows["target"]]
        read = [source.split(as_text(row)) for row in rows["source"]]
        written = [target.split(text) for text in truth]
        sources = padded([source.encode(words) for words in read])
        targets = padded([target.encode(words, start=True, end=True) for words in written])
        masks: list[Tensor | None] = []
        for name in ("gold", "possible"):
            links = rows.get(name)
            if links is not None and isinstance(target, Pieces):
                links = [piece_links(*those) for those in zip(links, written, read, strict=True)]
            masks.append(None if links is None else link_matrix(links, targets.shape[1] - 1, sources.shape[1]))
        gold, possible = masks
        return Pair(sources, targets, gold, read, written, truth, possible)

    def lengths(self, split: Dataset) -> list[tuple[int, int]]:
        """How many symbols each target sentence has, the end symbol included, and how many units its source sentence.

        Targets come first: decoders go on word by word over the longest of a batch, encoders of packed sentences do not.
        """
        source, target = self.vocabularies
        pairs = zip(split["target"], split["source"], strict=True)
        return [(len(target.split(as_text(said))) + 1, len(source.split(as_text(read)))) for said, read in pairs]

    def model(self, attention: AttentionFactory) -> Model:
        """The model with this data's vocabularies, which it keeps."""
        source, target = self.vocabularies
        model = self.build(source, target, attention)
        model.kept = kept((source, target))
        return model

    def recall(self, kept: Mapping[str, Any]) -> None:
        """Takes the vocabularies."""
        if "source" in kept:
            self.vocabularies = recalled(kept)

    def completed(self, prediction: Prediction) -> Prediction:
        """The prediction with its unknown words replaced, where that is asked for."""
        return self.unknown(prediction)

    def measure(self, predictions: Sequence[Prediction]) -> Mapping[str, float]:
        """BLEU, chrF, exact match; TER and the lower-cased tokenised BLEU of raw text."""
        measures, self.computed = corpus_measures(predictions, raw=self.raw)
        return measures

    def measure_each(self, predictions: Sequence[Prediction]) -> Mapping[str, Sequence[float]]:
        """The same a sentence."""
        return sentence_measures(predictions, raw=self.raw)

    def signatures(self) -> Mapping[str, str]:
        """sacrebleu's."""
        return self.computed


def as_text(row: str | Sequence[str]) -> str:
    """A sentence of raw text as it is; words with blanks between them."""
    return row if isinstance(row, str) else " ".join(row)
