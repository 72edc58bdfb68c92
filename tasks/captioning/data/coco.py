"""COCO's own annotation form (Chen et al. 2015): a JSON file of images and captions for each split."""

import hashlib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from attnbench.tasks.captioning.data.builder import CaptionSource
from attnbench.tasks.captioning.data.entries import Entry, inside, parsed, part, unlisted
from attnbench.tasks.source import SPLITS, DataError, found

PARTS = ("annotations", "images")


@dataclass(kw_only=True, eq=False)
class CocoCaptions(CaptionSource):
    """For each split {annotations: a JSON file, images: a folder}, both below `data_dir`.

    COCO publishes the captions of two splits alone: without `validation`, `held_out` of the training images are it,
    chosen by a hash of their id, the same everywhere.
    """

    name: ClassVar[str] = "captions_coco"

    data_dir: str | None
    train: Mapping[str, str]
    test: Mapping[str, str]
    validation: Mapping[str, str] | None = None
    held_out: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        for split, given in self.given().items():
            if set(given) != set(PARTS):
                raise ValueError(f"{split}={dict(given)}: must give annotations and images")
        if type(self.held_out) is not int or (self.held_out > 0) == (self.validation is not None):
            raise ValueError(
                f"held_out={self.held_out}: must be a number of training images, or 0 with validation={{annotations, images}}"
            )

    def given(self) -> dict[str, Mapping[str, str]]:
        """The splits that have files."""
        each = {"train": self.train, "validation": self.validation, "test": self.test}
        return {split: files for split, files in each.items() if files is not None}

    def entries(self) -> list[Entry]:
        """Every image and caption of the files, and the images beside; a file named in two splits is in both."""
        entries: dict[str, Entry] = {}
        for split, files in self.given().items():
            for entry in self.read(split, files):
                splits = entries[entry.name].splits if entry.name in entries else ()
                if split in splits:
                    raise DataError(f"{files['annotations']}: {entry.name} is two images; remove one")
                entries[entry.name] = entry._replace(splits=(*splits, *entry.splits))
        train = [entry for entry in entries.values() if entry.splits == (SPLITS[0],)]
        for entry in sorted(train, key=lambda entry: hashlib.sha256(entry.image_id.encode()).digest())[: self.held_out]:
            entries[entry.name] = entry._replace(splits=(SPLITS[1],))
        return [*entries.values(), *unlisted(entry.file for entry in entries.values() if entry.file)]

    def read(self, split: str, files: Mapping[str, str]) -> list[Entry]:
        """What one file says."""
        path, folder = found(self.data_dir, files["annotations"]), found(self.data_dir, files["images"])
        whole = parsed(path)
        images: dict[int, str] = {}
        for number, image in enumerate(part(whole, "images", list, str(path))):
            where = f"{path}: images[{number}]"
            image_id = part(image, "id", int, where)
            if image_id in images:
                raise DataError(f"{where}: id {image_id} is there twice; remove one")
            images[image_id] = part(image, "file_name", str, where)
        captions: dict[int, list[str]] = defaultdict(list)
        seen: set[int] = set()
        for number, annotation in enumerate(part(whole, "annotations", list, str(path))):
            where = f"{path}: annotations[{number}]"
            caption_id = part(annotation, "id", int, where)
            if caption_id in seen:
                raise DataError(f"{where}: id {caption_id} is there twice; remove one")
            seen.add(caption_id)
            captions[part(annotation, "image_id", int, where)].append(part(annotation, "caption", str, where))
        entries = [
            Entry(f"{folder.name}/{name}", str(key), inside(folder, name, str(path)), captions.get(key, []), (split,))
            for key, name in images.items()
        ]
        strays = (key for key in captions if key not in images)
        return [*entries, *(Entry(f"{path.name}: image_id {key}", str(key), None, captions[key], ()) for key in strays)]
