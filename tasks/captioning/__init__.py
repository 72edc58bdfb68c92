"""Image captioning, measured by BLEU-4."""

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import ClassVar, Literal, Protocol, runtime_checkable

import numpy as np
import torch
from datasets import Dataset

from attnbench.attention import AttentionFactory
from attnbench.tasks.base import Model, Prediction, Task
from attnbench.tasks.captioning.encoder import grid
from attnbench.tasks.captioning.examples import CaptionExamples
from attnbench.tasks.captioning.measures import caption_measures, corpus_measures
from attnbench.tasks.captioning.model import Captioned
from attnbench.tasks.captioning.scenes import Scenes
from attnbench.tasks.examples import Columns
from attnbench.tasks.sequence.text import Vocabulary, link_matrix, padded
from attnbench.tasks.source import Source

READS = (Scenes,)


@runtime_checkable
class CaptioningModel(Protocol):
    """A captioning model whose vocabulary and attention are left open."""

    def __call__(self, vocabulary: Vocabulary, attention: AttentionFactory) -> Model:
        """The model."""


class Captioning(Task):
    """Images into captions of words parted by blanks; the vocabulary is the training captions' words."""

    name: ClassVar[str] = "captioning"
    primary: ClassVar[str] = "bleu4"
    better: ClassVar[Literal["higher", "lower"]] = "higher"

    def __init__(self, data: Source, model: CaptioningModel, *, batch_size: int, seed: int) -> None:
        if not isinstance(data, READS):
            raise ValueError(f"task/data={data.name}: task captioning reads images with captions, such as scenes")
        self.build = model
        self.data = CaptionExamples(data, self.collate, length=caption_lengths, batch_size=batch_size, seed=seed)
        self.computed: Mapping[str, str] = {}

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The words of the training split."""
        train = self.data.splits["train"].with_format(None)
        return Vocabulary(caption.split() for captions in train["captions"] for caption in captions)

    def collate(self, rows: Columns) -> Captioned:
        """A batch from columns; each image's first caption is the target."""
        pixels = np.stack([np.asarray(image) for image in rows["image"]])
        images = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
        target = padded([self.vocabulary.encode(those[0].split(), start=True, end=True) for those in rows["captions"]])
        gold = None
        if "gold" in rows:
            first = [links[0] for links in rows["gold"]]
            gold = link_matrix(first, target.shape[1] - 1, math.prod(grid(*images.shape[2:])))
        return Captioned(images, target, gold, rows["captions"], rows.get("facts"))

    def model(self, attention: AttentionFactory) -> Model:
        """The model with this data's vocabulary."""
        return self.build(self.vocabulary, attention)

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


def caption_lengths(split: Dataset) -> list[int]:
    """How many words each row's first caption has."""
    return [len(captions[0].split()) for captions in split.with_format(None)["captions"]]
