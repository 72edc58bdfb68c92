"""Mirrored training images: each epoch one of both, told apart from the image as it is wherever it is known by a checksum."""

import hashlib
import io
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
from datasets import Dataset, DatasetDict, Features, Image, List, Value

from attnbench.tasks.captioning import Captioning
from attnbench.tasks.captioning.encoder import GridEncoder
from attnbench.tasks.captioning.examples import CaptionExamples
from attnbench.tasks.captioning.kept import Keeping
from attnbench.tasks.captioning.mirrored import Mirrored, mirrored_checksum, pictured
from attnbench.tasks.captioning.model import ShowAttendTell
from attnbench.tasks.captioning.picture import Picture
from attnbench.tasks.captioning.scenes import Scenes
from attnbench.tasks.examples import Columns
from attnbench.tasks.source import Source

SIDE, SEED = 16, 3
CAPTIONS = {"train": [["a", "b c"], ["d"], ["e f", "g"]], "validation": [["h"]], "test": [["i"], ["j"]]}


def png(seed: int) -> bytes:
    buffer = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    PIL.Image.fromarray(pixels).save(buffer, format="PNG")
    return buffer.getvalue()


class Album(Source):
    """A few images with captions, each with its checksum."""

    name = "album"

    def load(self) -> DatasetDict:
        kinds = Features({"image": Image(), "captions": List(Value("string")), "checksum": Value("string")})
        splits = {}
        for at, (split, captions) in enumerate(CAPTIONS.items()):
            images = [png(10 * at + number) for number in range(len(captions))]
            columns = {
                "image": [{"bytes": image, "path": None} for image in images],
                "captions": captions,
                "checksum": [hashlib.sha256(image).hexdigest() for image in images],
            }
            splits[split] = Dataset.from_dict(columns, features=kinds)
        return DatasetDict(splits)

    def checksum(self) -> str:
        return "album"


def words(split: Dataset) -> list[int]:
    return [len(captions[0].split()) for captions in split.with_format(None)["captions"]]


def as_they_are(rows: Columns) -> Columns:
    return rows


def examples(*, mirror: bool) -> CaptionExamples:
    return CaptionExamples(Album(), as_they_are, length=words, batch_size=2, seed=SEED, mirror=mirror)


def epoch(some: CaptionExamples, number: int) -> list[tuple[str, bool]]:
    """Captions in their order, and whether their images are mirrored."""
    loader = some.train_dataloader()
    assert loader.sampler is not None
    loader.sampler.set_epoch(number)  # type: ignore[attr-defined]
    batches = list(loader)
    return [
        (captions[0], marked)
        for rows in batches
        for captions, marked in zip(
            rows["captions"], rows.get("mirrored", [False] * len(rows["captions"])), strict=True
        )
    ]


def test_a_mirrored_picture_has_left_and_right_exchanged_and_a_checksum_of_its_own() -> None:
    image = {"bytes": png(1), "path": None}
    plain, other = pictured(image), pictured(image, True)
    assert type(plain) is Picture
    assert isinstance(other, Mirrored)
    assert (np.asarray(other.open()) == np.asarray(plain.open())[:, ::-1]).all()
    assert other.checksum() == mirrored_checksum(plain.checksum()) != plain.checksum()


def test_each_epoch_shows_every_caption_once_with_either_image() -> None:
    some = examples(mirror=True)
    epochs = [epoch(some, number) for number in range(40)]
    for seen in epochs:
        assert sorted(caption for caption, _ in seen) == ["a", "b c", "d", "e f", "g"]
    marks = [marked for seen in epochs for _, marked in seen]
    assert 0.35 < sum(marks) / len(marks) < 0.65
    assert len({tuple(sorted(seen)) for seen in epochs}) > 10  # the coin is tossed anew


def test_the_order_is_that_without_mirroring_and_repeats() -> None:
    some, again, plain = examples(mirror=True), examples(mirror=True), examples(mirror=False)
    for number in range(3):
        seen = epoch(some, number)
        assert [caption for caption, _ in seen] == [caption for caption, _ in epoch(plain, number)]
        assert seen == epoch(again, number)


def test_a_row_s_checksum_is_that_of_the_image_it_shows() -> None:
    for row in examples(mirror=True).splits["train"]:
        assert row["checksum"] == pictured(row["image"], row["mirrored"]).checksum()


def test_only_training_is_mirrored() -> None:
    some = examples(mirror=True)
    assert "mirrored" not in some.splits["test"].column_names
    assert [len(some.splits[split]) for split in CAPTIONS] == [10, 1, 2]


def test_grids_are_kept_of_every_image_that_training_may_show(tmp_path: Path) -> None:
    encoder = GridEncoder(4).requires_grad_(False)
    encoder.frozen, encoder.size = True, (SIDE, SIDE)
    some = examples(mirror=True)
    kept = Keeping(cache_dir=str(tmp_path), dtype="float16")(encoder, some.images())
    for row in some.splits["train"]:
        picture = pictured(row["image"], row["mirrored"])
        with torch.no_grad():
            expected = encoder(encoder.prepare(picture.open()).unsqueeze(0)).flatten(2).transpose(1, 2)
        torch.testing.assert_close(kept([picture], [row["checksum"]]).float(), expected, atol=1e-2, rtol=1e-2)


def test_a_caption_s_words_are_counted_once_however_its_image_is_varied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("attnbench.tasks.captioning.READS", (Album,))
    model: Any = partial(ShowAttendTell, embedding_dim=6, hidden_dim=8, dropout=0.0, limit=9)
    some = Captioning(Album(), model, partial(GridEncoder, 8), batch_size=2, seed=0, mirror=True, least_count=2)
    assert "a" not in some.vocabulary.words  # it stands in one caption


def test_captions_that_tell_left_from_right_are_not_mirrored() -> None:
    model: Any = partial(ShowAttendTell, embedding_dim=6, hidden_dim=8, dropout=0.0, limit=9)
    scenes = Scenes(seed=0, sizes={"train": 2, "validation": 1, "test": 1})
    with pytest.raises(ValueError, match="mirror=true: the captions of scenes tell left from right; must be false"):
        Captioning(scenes, model, partial(GridEncoder, 8), batch_size=5, seed=0, mirror=True)
