"""Captioning's examples: in training each caption with its image, otherwise each image with all its captions."""

from functools import cached_property
from typing import Any

import numpy as np
from datasets import Dataset, DatasetDict

from attnbench.tasks.examples import Columns, Examples


class CaptionExamples(Examples):
    """Examples whose training split has a row for each caption."""

    @cached_property
    def splits(self) -> DatasetDict:
        """The source's splits, read once, with training images under each of their captions."""
        splits = self.source.load()
        return DatasetDict({**splits, "train": one_caption_a_row(splits["train"])})


def one_caption_a_row(images: Dataset) -> Dataset:
    """A row for each caption, with the same columns; images and facts stay where they are and are looked up."""
    captions = images["captions"]
    counts = [len(those) for those in captions]
    columns: dict[str, Any] = {
        "captions": [[caption] for those in captions for caption in those],
        "row": np.repeat(np.arange(len(images)), counts),
    }
    if "gold" in images.column_names:
        columns["gold"] = [[links] for those in images["gold"] for links in those]
    shared = images.select_columns([name for name in images.column_names if name not in columns])

    def with_images(rows: Columns) -> Columns:
        return {**rows, **shared[rows["row"]]} if "row" in rows else rows

    return Dataset.from_dict(columns).with_transform(with_images)
