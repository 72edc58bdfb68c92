"""Image captioning, measured by BLEU-4."""

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

import torch
from datasets import Dataset

from attnbench.attention import AttentionFactory
from attnbench.tasks.base import Model, Prediction, Task
from attnbench.tasks.captioning.data.builder import CaptionSource
from attnbench.tasks.captioning.encoder import Encoder, TorchvisionGrid
from attnbench.tasks.captioning.examples import CaptionExamples
from attnbench.tasks.captioning.kept import Keeping, KeptGrids
from attnbench.tasks.captioning.measures import caption_measures, corpus_measures
from attnbench.tasks.captioning.middle import Middle
from attnbench.tasks.captioning.mirrored import pictured
from attnbench.tasks.captioning.model import Captioned
from attnbench.tasks.captioning.picture import Picture
from attnbench.tasks.captioning.scenes import Scenes
from attnbench.tasks.examples import Columns
from attnbench.tasks.sequence.text import Vocabulary, link_matrix, padded
from attnbench.tasks.source import Source

READS = (Scenes, CaptionSource)


@runtime_checkable
class EncoderFactory(Protocol):
    """An encoder, built anew for each model."""

    def __call__(self) -> Encoder:
        """The encoder."""


@runtime_checkable
class CaptioningModel(Protocol):
    """A captioning model whose vocabulary, encoder and attention are left open."""

    def __call__(self, vocabulary: Vocabulary, encoder: Encoder, attention: AttentionFactory) -> Model:
        """The model."""


class Captioning(Task):
    """Images into captions of words parted by blanks.

    The vocabulary is the words that occur at least `least_count` times in the training captions; all others are `<unk>`. Of
    an encoder that does not learn, grids are computed once and kept, if `grids` says where. With `mirror`, an epoch shows a
    training image, by the toss of a coin, as it is or mirrored.
    """

    name: ClassVar[str] = "captioning"
    primary: ClassVar[str] = "bleu4"
    better: ClassVar[Literal["higher", "lower"]] = "higher"
    data: CaptionExamples

    def __init__(
        self,
        data: Source,
        model: CaptioningModel,
        encoder: EncoderFactory,
        *,
        batch_size: int,
        seed: int,
        least_count: int = 1,
        grids: Keeping | None = None,
        mirror: bool = False,
    ) -> None:
        if not isinstance(data, READS):
            raise ValueError(f"task/data={data.name}: task captioning reads images with captions, such as scenes")
        if least_count < 1:
            raise ValueError(f"least_count={least_count}: must be at least 1")
        self.build, self.build_encoder = model, encoder
        self.least_count = least_count
        self.keeping = grids
        self.data = CaptionExamples(
            data, self.collate, length=caption_lengths, batch_size=batch_size, seed=seed, mirror=mirror
        )
        if mirror and self.data.marked is not None:
            raise ValueError(f"mirror=true: the captions of {data.name} tell left from right; must be false")
        self.computed: Mapping[str, str] = {}
        self.recalled: dict[str, Any] = {}

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The words of the training split, each caption counted once, however its image is varied."""
        train = self.data.whole["train"].select_columns("captions").with_format(None)
        words = (caption.split() for captions in train["captions"] for caption in captions)
        return Vocabulary(words, least_count=self.least_count)

    @cached_property
    def encoder(self) -> Encoder:
        """What images are prepared for; models have encoders of their own."""
        with torch.random.fork_rng(devices=[]):
            return self.build_encoder()

    @cached_property
    def kept(self) -> KeptGrids | None:
        """The grids of all splits' images, computed when first asked for; None where they change or are not kept."""
        if self.keeping is None or not self.encoder.frozen:
            return None
        return self.keeping(self.encoder, self.data.images())

    def collate(self, rows: Columns) -> Captioned:
        """A batch from columns; each image's first caption is the target."""
        pictures = list(map(pictured, rows["image"], rows.get("mirrored", [False] * len(rows["image"]))))
        images, grids = None, None
        if self.kept is None:
            prepared = [self.encoder.prepare(picture.open()) for picture in pictures]
            images = torch.stack(prepared).contiguous(memory_format=torch.channels_last)  # convolutions are faster so
            grid = self.encoder.grid(*images.shape[2:])
        else:
            grids, grid = self.kept(pictures, rows.get("checksum")), self.kept.grid
        target = padded([self.vocabulary.encode(those[0].split(), start=True, end=True) for those in rows["captions"]])
        gold = None
        if "gold" in rows and grid == self.data.marked:
            gold = link_matrix([links[0] for links in rows["gold"]], target.shape[1] - 1, math.prod(grid))
        seen: list[Picture] = (
            [Middle(picture.data, picture.path) for picture in pictures] if crops(self.encoder) else pictures
        )
        return Captioned(images, grids, grid, target, gold, rows["captions"], rows.get("facts"), seen)

    def model(self, attention: AttentionFactory) -> Model:
        """The model with this data's vocabulary, which it keeps with the size of the first training image, in pixels."""
        model = self.build(self.vocabulary, self.build_encoder(), attention)
        model.kept = self.recalled or {"words": self.vocabulary.words, "image_size": self.image_size()}
        return model

    def recall(self, kept: Mapping[str, Any]) -> None:
        """Takes the vocabulary."""
        self.recalled = dict(kept)
        if "words" in kept:
            self.vocabulary = Vocabulary.of(kept["words"])

    def image_size(self) -> list[int]:
        """Width and height of the first training image, which are those of all where the encoder leaves images as they are."""
        return list(Picture.of(self.data.whole["train"][0]["image"]).open().size)

    def measure(self, predictions: Sequence[Prediction]) -> Mapping[str, float]:
        """BLEU-4, CIDEr, fact accuracy."""
        measures, self.computed = corpus_measures(predictions)
        return measures

    def measure_each(self, predictions: Sequence[Prediction]) -> Mapping[str, Sequence[float]]:
        """The same a caption."""
        return caption_measures(predictions)

    def signatures(self) -> Mapping[str, str]:
        """sacrebleu's."""
        return self.computed


def crops(encoder: Encoder) -> bool:
    """Whether it sees the middle of an image alone."""
    return isinstance(encoder, TorchvisionGrid) and encoder.resize == "crop"


def caption_lengths(split: Dataset) -> list[int]:
    """How many words each row's first caption has."""
    return [len(captions[0].split()) for captions in split.with_format(None)["captions"]]
