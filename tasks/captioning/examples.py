"""Captioning's examples: in training each caption with its image, otherwise each image with all its captions."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import numpy as np
from datasets import Dataset, DatasetDict, Image

from attnbench.tasks.examples import Columns, Examples


class CaptionExamples(Examples):
    """Examples whose training split has a row for each caption."""

    @cached_property
    def splits(self) -> DatasetDict:
        """The source's splits, read once, with training images under each of their captions."""
        return DatasetDict({**self.whole, "train": one_caption_a_row(self.whole["train"])})

    @cached_property
    def whole(self) -> DatasetDict:
        """The source's splits as they are, a row for each image, which is not decoded."""
        return self.source.load().cast_column("image", Image(decode=False))

    @property
    def marked(self) -> tuple[int, int] | None:
        """Rows and columns of the grid whose cells the source's gold names, if it has gold; no other grid can be held to it."""
        return getattr(self.source, "grid", None)

    def images(self) -> Iterator[Mapping[str, Any]]:
        """Every image of every split with its checksum, if the source knows it."""
        for split in self.whole.values():
            columns = [name for name in ("image", "checksum") if name in split.column_names]
            yield from split.select_columns(columns)


def one_caption_a_row(images: Dataset) -> Dataset:
    """A row for each caption, with the same columns; what belongs to the image is looked up where it stands."""
    captions = images["captions"]
    counts = [len(those) for those in captions]
    # Links are many small numbers, which Arrow is slow to hand out: they are taken once.
    gold = [links for those in images["gold"] for links in those] if "gold" in images.column_names else None
    shared = images.select_columns([name for name in images.column_names if name not in ("captions", "gold")])

    def looked_up(rows: Columns) -> Columns:
        if "row" not in rows:
            return rows
        found = {**rows, **shared[rows["row"]]}
        return found if gold is None else {**found, "gold": [[gold[number]] for number in rows["number"]]}

    columns = {
        "captions": [[caption] for those in captions for caption in those],
        "number": np.arange(sum(counts)),
        "row": np.repeat(np.arange(len(images)), counts),
    }
    return Dataset.from_dict(columns).with_transform(looked_up)
