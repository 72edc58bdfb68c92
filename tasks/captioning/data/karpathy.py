"""COCO, Flickr30k and Flickr8k in the JSON form of Karpathy and Fei-Fei (2015), whose splits and words most papers use."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from attnbench.tasks.captioning.data.builder import CaptionSource
from attnbench.tasks.captioning.data.entries import Entry, inside, parsed, part, unlisted
from attnbench.tasks.source import DataError, found

SPLIT = {"train": "train", "val": "validation", "test": "test"}


@dataclass(kw_only=True, eq=False)
class KarpathyCaptions(CaptionSource):
    """A `dataset_*.json` and the folder that its `filepath` and `filename` start from, both below `data_dir`.

    `tokens`: `given`, the file's own words, which published figures use; `ours`, made from its raw captions.
    `restval`: whether COCO's images of that name, 30,504 of them, are trained on, as is usual.
    """

    name: ClassVar[str] = "captions_karpathy"

    data_dir: str | None
    annotations: str
    images: str
    tokens: Literal["given", "ours"] = "given"
    restval: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.tokens not in ("given", "ours"):
            raise ValueError(f"tokens={self.tokens}: must be given or ours")

    def words(self, caption: str) -> list[str]:
        """The file's own, or ours."""
        return caption.lower().split() if self.tokens == "given" else super().words(caption)

    def reading(self) -> str:
        """Whose words."""
        return self.tokens

    def entries(self) -> list[Entry]:
        """Every image of the file, and those beside."""
        path = found(self.data_dir, self.annotations)
        root = found(self.data_dir, self.images)
        entries: dict[str, Entry] = {}
        for number, image in enumerate(part(parsed(path), "images", list, str(path))):
            where = f"{path}: images[{number}]"
            folder = part(image, "filepath", str, where) if isinstance(image, dict) and "filepath" in image else ""
            name = f"{folder}/{part(image, 'filename', str, where)}".lstrip("/")
            if name in entries:
                raise DataError(f"{where}: {name} is there twice; remove one")
            image_id = str(image.get("cocoid", image["filename"]))
            captions = [self.caption(one, where) for one in part(image, "sentences", list, where)]
            entries[name] = Entry(name, image_id, inside(root, name, where), captions, self.split(image, where))
        return [*entries.values(), *unlisted(entry.file for entry in entries.values() if entry.file)]

    def split(self, image: Any, where: str) -> tuple[str, ...]:
        """The split that an image is in."""
        said = part(image, "split", str, where)
        if said == "restval":
            return ("train",) if self.restval else ()
        if said not in SPLIT:
            raise DataError(f"{where}: split is {said!r}; should be one of restval, {', '.join(SPLIT)}")
        return (SPLIT[said],)

    def caption(self, sentence: Any, where: str) -> str:
        """A caption as it is to be split into words."""
        if self.tokens == "ours":
            return part(sentence, "raw", str, where)
        tokens = part(sentence, "tokens", list, where)
        if not all(isinstance(token, str) and len(token.split()) == 1 for token in tokens):
            raise DataError(f"{where}: tokens is {str(tokens)[:60]}; should be words, or give tokens=ours")
        return " ".join(tokens)
