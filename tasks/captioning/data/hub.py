"""Captioned images of a data set on the hub, or of a local folder in any form that the `datasets` library reads by itself."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from datasets import Dataset, Image

from attnbench.tasks.captioning.data.builder import CaptionSource
from attnbench.tasks.captioning.data.entries import Entry
from attnbench.tasks.captioning.data.unpacked import unpacked
from attnbench.tasks.hub import HubData
from attnbench.tasks.source import SPLITS, DataError

Names = str | Sequence[str]


def listed(names: Names) -> list[str]:
    """One name or several."""
    return [names] if isinstance(names, str) else list(names)


@dataclass(kw_only=True, eq=False)
class HubCaptions(CaptionSource, HubData):
    """A data set as `HubData` has it.

    `captions` names a column of caption lists, or one or several columns of captions. `splits` says which of its splits ours
    are made of; with `split_column` they are the values of that column. No code of the data set is run.
    """

    name: ClassVar[str] = "captions_hub"

    image: str = "image"
    captions: Names = "captions"
    image_id: str | None = None
    split_column: str | None = None
    splits: Mapping[str, Names] = field(default_factory=lambda: {split: split for split in SPLITS})

    def __post_init__(self) -> None:
        super().__post_init__()
        self.wanted = {split: listed(names) for split, names in self.splits.items()}
        theirs = [name for names in self.wanted.values() for name in names]
        if set(self.wanted) != set(SPLITS) or not all(self.wanted.values()) or len(set(theirs)) < len(theirs):
            raise ValueError(f"splits={self.wanted}: must name for each of {', '.join(SPLITS)} splits of its own")
        if not listed(self.captions):
            raise ValueError(f"captions={self.captions}: must name one or several columns")

    def entries(self) -> list[Entry]:
        """Every row of the splits that are asked for. Raises DataError where they cannot be had."""
        ours = {name: split for split, names in self.wanted.items() for name in names}
        entries: list[Entry] = []
        said: set[str] = set()
        for part, rows in self.fetched().items():
            self.require(rows, self.image, *listed(self.captions), self.image_id, self.split_column)
            if self.split_column is None and part not in ours:
                continue
            for number, (file, row) in enumerate(self.rows(rows)):
                theirs = part if self.split_column is None else str(row[self.split_column])
                said.add(theirs)
                name = f"{part}[{number}]" if file is None or file.suffix == "" else f"{part}[{number}] {file.name}"
                image_id = name if self.image_id is None else str(row[self.image_id])
                splits = (ours[theirs],) if theirs in ours else ()
                entries.append(Entry(name, image_id, file, self.said(row), splits))
        missing = [name for name in ours if name not in said]
        if missing:
            raise DataError(
                f"{self.told} has no split {', '.join(missing)}; it has {', '.join(sorted(said))}: give splits"
            )
        return entries

    def rows(self, rows: Dataset) -> Iterator[tuple[Path | None, dict[str, Any]]]:
        """Each row's image file, and the row without its image."""
        try:
            images = rows.select_columns([self.image]).cast_column(self.image, Image(decode=False))
        except (TypeError, ValueError) as error:
            raise DataError(f"{self.told}: column {self.image} holds no images ({error})".splitlines()[0]) from None
        files = unpacked(images, self.image, Path(self.path), self.cache_dir)
        return zip(files, rows.remove_columns([self.image]), strict=True)

    def said(self, row: Mapping[str, Any]) -> list[str]:
        """A row's captions."""
        values = [row[column] for column in listed(self.captions)]
        texts = [text for value in values for text in (value if isinstance(value, list) else [value])]
        for text in texts:
            if text is not None and not isinstance(text, str):
                raise DataError(f"{self.told}: column {self.captions} holds {str(text)[:40]!r}; should be captions")
        return [text or "" for text in texts]
