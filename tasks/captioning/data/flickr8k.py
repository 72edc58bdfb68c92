"""Flickr8k (Hodosh, Young and Hockenmaier 2013) in its own text form."""

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import ClassVar

from attnbench.tasks.captioning.data.builder import CaptionSource
from attnbench.tasks.captioning.data.entries import Entry, inside, lines, unlisted
from attnbench.tasks.source import DataError, found

CAPTION = re.compile(r"(?P<name>[^\t]+)#(?P<number>\d+)\t(?P<caption>.*)")
CAPTIONS = "Flickr8k.token.txt"
LISTS = {
    "train": "Flickr_8k.trainImages.txt",
    "validation": "Flickr_8k.devImages.txt",
    "test": "Flickr_8k.testImages.txt",
}


@dataclass(kw_only=True, eq=False)
class Flickr8k(CaptionSource):
    """About 8,000 photographs of people and dogs that do something, five captions each, split 6,000/1,000/1,000.

    Below `data_dir`/`folder`: the images in `images`; the captions and the three lists of names in `text`.
    """

    name: ClassVar[str] = "flickr8k"

    data_dir: str | None
    folder: str = "flickr8k"
    images: str = "images"
    text: str = "."

    def entries(self) -> list[Entry]:
        """Every name in the caption file or a list, and the images beside."""
        images = found(self.data_dir, self.folder, self.images)
        captions = self.captions()
        splits = self.listed()
        names = list(dict.fromkeys([*splits, *captions]))
        where = f"{self.folder}/{CAPTIONS}"
        entries = [
            Entry(name, name, inside(images, name, where), captions.get(name, []), tuple(splits.get(name, ())))
            for name in names
        ]
        return [*entries, *unlisted(entry.file for entry in entries if entry.file)]

    def captions(self) -> dict[str, list[str]]:
        """Each name's captions by their number."""
        path = found(self.data_dir, self.folder, self.text, CAPTIONS)
        numbered: dict[str, dict[int, str]] = defaultdict(dict)
        for at, line in enumerate(lines(path), start=1):
            match = CAPTION.fullmatch(line)
            if match is None:
                raise DataError(f"{path}: line {at} is {line[:60]!r}; should be <image>#<number>, a tab, the caption")
            name, number, caption = match["name"], int(match["number"]), match["caption"]
            if number in numbered[name]:
                raise DataError(f"{path}: line {at}: {name}#{number} is there twice; remove one")
            numbered[name][number] = caption
        return {name: [those[number] for number in sorted(those)] for name, those in numbered.items()}

    def listed(self) -> dict[str, list[str]]:
        """The splits that list each name."""
        splits: dict[str, list[str]] = defaultdict(list)
        for split, file in LISTS.items():
            path = found(self.data_dir, self.folder, self.text, file)
            for at, line in enumerate(lines(path), start=1):
                name = line.strip()
                if not name:
                    raise DataError(f"{path}: line {at} is empty; should be the name of an image")
                if split in splits[name]:
                    raise DataError(f"{path}: line {at}: {name} is there twice; remove one")
                splits[name].append(split)
        return splits
