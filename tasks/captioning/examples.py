"""Captioning's examples: in training each caption with its image, otherwise each image with all its captions."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from datasets import Dataset, DatasetDict, Image

from attnbench.tasks.captioning.mirrored import mirrored_checksum
from attnbench.tasks.examples import Columns, Examples
from attnbench.tasks.source import Source


class CaptionExamples(Examples):
    """Examples whose training split has a row for each caption, and with `mirror` all of them once more with mirrored images."""

    def __init__(
        self,
        source: Source,
        collate: Callable[[Any], Any],
        *,
        length: Callable[[Dataset], Sequence[int]],
        batch_size: int,
        seed: int,
        mirror: bool,
    ) -> None:
        variants = 2 if mirror else 1
        super().__init__(source, collate, length=length, batch_size=batch_size, seed=seed, variants=variants)

    @cached_property
    def splits(self) -> DatasetDict:
        """The source's splits, read once, with training images under each of their captions."""
        return DatasetDict({**self.whole, "train": one_caption_a_row(self.whole["train"], self.variants)})

    @cached_property
    def whole(self) -> DatasetDict:
        """The source's splits as they are, a row for each image, which is not decoded."""
        return self.source.load().cast_column("image", Image(decode=False))

    @property
    def marked(self) -> tuple[int, int] | None:
        """Rows and columns of the grid whose cells the source's gold names, if it has gold; no other grid can be held to it."""
        return getattr(self.source, "grid", None)

    def images(self) -> Iterator[Mapping[str, Any]]:
        """Every image of every split, and those of training as they are varied, with its checksum, if the source knows it."""
        for name, split in self.whole.items():
            known = [column for column in ("image", "checksum") if column in split.column_names]
            for variant in range(self.variants if name == "train" else 1):
                for row in split.select_columns(known):
                    yield mirrored(row) if variant else row


def mirrored(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """An image's row, marked as its mirror image's."""
    marked = {**row, "mirrored": True}
    return marked if "checksum" not in row else {**marked, "checksum": mirrored_checksum(row["checksum"])}


def one_caption_a_row(images: Dataset, variants: int = 1) -> Dataset:
    """A row for each caption, with the same columns; what belongs to the image is looked up where it stands.

    Of two variants, the second is all rows once more with `mirrored` images.
    """
    captions = images["captions"]
    counts = [len(those) for those in captions]
    # Links are many small numbers, which Arrow is slow to hand out: they are taken once.
    gold = [links for those in images["gold"] for links in those] if "gold" in images.column_names else None
    shared = images.select_columns([name for name in images.column_names if name not in ("captions", "gold")])

    def looked_up(rows: Columns) -> Columns:
        if "row" not in rows:
            return rows
        found = {**rows, **shared[rows["row"]]}
        if variants > 1 and "checksum" in found:
            both = zip(found["checksum"], rows["mirrored"], strict=True)
            found["checksum"] = [mirrored_checksum(checksum) if marked else checksum for checksum, marked in both]
        return found if gold is None else {**found, "gold": [[gold[number]] for number in rows["number"]]}

    columns = {
        "captions": [[caption] for those in captions for caption in those] * variants,
        "number": np.tile(np.arange(sum(counts)), variants),
        "row": np.tile(np.repeat(np.arange(len(images)), counts), variants),
    }
    if variants > 1:
        columns["mirrored"] = np.repeat([False, True], sum(counts))
    return Dataset.from_dict(columns).with_transform(looked_up)
