"""Scenes are as their captions, gold and facts say, which a reader of the bare pixels confirms."""

from typing import Any, NamedTuple

import numpy as np
import pytest
from datasets import DatasetDict
from numpy import ndarray
from scipy.ndimage import find_objects, label

from attnbench.tasks.captioning.encoder import grid
from attnbench.tasks.captioning.facts import Facts
from attnbench.tasks.captioning.grammar import COLOURS, OPPOSITE, SHAPES, SIZES, statement, things
from attnbench.tasks.captioning.scenes import GRID, RGB, SIDE, Scenes

SIZES_OF_SPLITS = {"train": 120, "validation": 20, "test": 20}
Row = dict[str, Any]


class Seen(NamedTuple):
    """A coloured object as the pixels show it."""

    kind: tuple[str, str, str]
    middle: tuple[float, float]  # of its bounding box: row, column
    pixels: ndarray


def scenes(seed: int = 0) -> DatasetDict:
    return Scenes(seed=seed, sizes=SIZES_OF_SPLITS).load()


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return list(scenes()["train"])


def shape_seen(pixels: ndarray) -> str:
    """Of an object cut out of its image: a ring's middle is empty, a square is full, a triangle is narrow above."""
    height, width = pixels.shape
    if not pixels[height // 2, width // 2]:
        return "ring"
    return "square" if pixels[: height // 3].mean() > 0.6 else "triangle"


def objects_seen(row: Row) -> list[Seen]:
    """The coloured objects, from the image alone."""
    image = np.asarray(row["image"]).astype(float)
    numbered, count = label(image.max(axis=2) - image.min(axis=2) > 70)
    found = []
    for number, box in enumerate(find_objects(numbered), start=1):
        pixels = numbered == number
        mean = image[pixels].mean(axis=0)
        colour = min(RGB, key=lambda name: np.abs(mean - RGB[name]).sum())
        size = "large" if box[0].stop - box[0].start > 13 else "small"
        middle = ((box[0].start + box[0].stop) / 2, (box[1].start + box[1].stop) / 2)
        found.append(Seen((size, colour, shape_seen(pixels[box])), middle, pixels))
    assert count == len(found)
    return found


def relation_seen(first: Seen, second: Seen) -> str:
    down, across = second.middle[0] - first.middle[0], second.middle[1] - first.middle[1]
    if abs(across) > abs(down):
        return "left of" if across > 0 else "right of"
    return "above" if down > 0 else "below"


def cells_seen(pixels: ndarray) -> set[int]:
    side = SIDE // GRID
    return {int(y) // side * GRID + int(x) // side for y, x in np.argwhere(pixels)}


def test_exactly_two_objects_are_coloured(rows: list[Row]) -> None:
    assert all(len(objects_seen(row)) == 2 for row in rows)


def test_every_caption_is_true_of_what_the_pixels_show(rows: list[Row]) -> None:
    for row in rows:
        first, second = objects_seen(row)
        true = {
            (tuple(first.kind), relation_seen(first, second), tuple(second.kind)),
            (tuple(second.kind), relation_seen(second, first), tuple(first.kind)),
        }
        for caption in row["captions"]:
            said = statement(caption.split())
            assert said is not None
            assert (tuple(said.first), said.relation, tuple(said.second)) in true


def test_gold_is_the_cells_of_the_pixels_of_the_object_that_a_word_names(rows: list[Row]) -> None:
    for row in rows:
        seen = {thing.kind: cells_seen(thing.pixels) for thing in objects_seen(row)}
        for caption, links in zip(row["captions"], row["gold"], strict=True):
            expected: dict[int, set[int]] = {}
            for article, kind in things(caption.split()):
                expected |= {article + 1 + word: seen[tuple(kind)] for word in range(3)}
            found: dict[int, set[int]] = {}
            for word, cell in links:
                found.setdefault(word, set()).add(cell)
            assert found == expected


def test_the_larger_object_is_named_first(rows: list[Row]) -> None:
    for row in rows:
        areas = {thing.kind: np.ptp(np.argwhere(thing.pixels)[:, 0]) for thing in objects_seen(row)}
        for caption in row["captions"]:
            (_, first), (_, second) = things(caption.split())
            assert areas[tuple(first)] >= areas[tuple(second)] - 2


def test_grey_distractors_are_there_and_no_caption_speaks_of_them(rows: list[Row]) -> None:
    bright = []
    for row in rows:
        image = np.asarray(row["image"]).astype(float)
        coloured = sum(thing.pixels for thing in objects_seen(row))
        grey = (image.min(axis=2) > 95) & ~np.asarray(coloured, dtype=bool)
        bright.append(grey.sum() > 15)
        assert not any("grey" in caption for caption in row["captions"])
    assert np.mean(bright) > 0.9


def test_an_image_has_five_different_captions(rows: list[Row]) -> None:
    assert all(len(set(row["captions"])) == 5 for row in rows)


def test_facts_bear_out_every_caption(rows: list[Row]) -> None:
    for row in rows:
        assert all(Facts.from_json(row["facts"]).bear_out(caption.split()) for caption in row["captions"])


@pytest.mark.parametrize("words", [SIZES, COLOURS, SHAPES], ids=["size", "colour", "shape"])
def test_facts_refuse_a_caption_with_any_one_wrong_word(rows: list[Row], words: tuple[str, ...]) -> None:
    refused = 0
    for row in rows:
        facts = Facts.from_json(row["facts"])
        for caption in row["captions"]:
            said = caption.split()
            for at in [at for at, word in enumerate(said) if word in words]:
                for other in set(words) - {said[at]}:
                    assert not facts.bear_out([*said[:at], other, *said[at + 1 :]])
                    refused += 1
    assert refused > 1000


def test_facts_refuse_every_other_relation(rows: list[Row]) -> None:
    for row in rows:
        facts = Facts.from_json(row["facts"])
        first, second = (f"a {' '.join(kind)}" for kind in facts.kinds)
        held = [relation for relation in OPPOSITE if facts.bear_out(f"{first} is {relation} {second}".split())]
        assert held == [facts.relation]
        turned = [relation for relation in OPPOSITE if facts.bear_out(f"{second} is {relation} {first}".split())]
        assert turned == [OPPOSITE[facts.relation]]


@pytest.mark.parametrize(
    "caption",
    [
        "",
        "a large red ring",
        "a large red ring is left of",
        "a large red ring is left of a small blue square on its left",
        "a large red ring a small blue square",
        "there is there is a large red ring left of a small blue square",
        "a red large ring is left of a small blue square",
    ],
)
def test_a_caption_outside_the_grammar_states_nothing(caption: str) -> None:
    assert statement(caption.split()) is None


def test_the_same_seed_gives_the_same_scenes_and_another_seed_others() -> None:
    first, again, other = ([np.asarray(row["image"]).tobytes() for row in scenes(seed)["test"]] for seed in (0, 0, 1))
    assert first == again
    assert not set(first) & set(other)
    assert scenes(0)["test"]["captions"][:] != scenes(1)["test"]["captions"][:]


def test_no_scene_of_one_split_stands_in_another() -> None:
    splits = scenes()
    facts = [set(splits[name]["facts"]) for name in splits]
    assert not facts[0] & facts[1]
    assert not facts[0] & facts[2]
    assert not facts[1] & facts[2]


def test_the_checksum_knows_seed_and_sizes() -> None:
    sizes = [SIZES_OF_SPLITS, {**SIZES_OF_SPLITS, "train": 121}]
    assert len({Scenes(seed=seed, sizes=those).checksum() for seed in (0, 1) for those in sizes}) == 4


def test_gold_is_on_the_grid_of_the_encoder() -> None:
    assert grid(SIDE, SIDE) == (GRID, GRID)


def test_every_relation_size_colour_and_shape_is_told_often(rows: list[Row]) -> None:
    said = [statement(row["captions"][0].split()) for row in rows]
    for relation in OPPOSITE:
        assert 0.1 < np.mean([s is not None and s.relation == relation for s in said]) < 0.45
    for place, words in enumerate((SIZES, COLOURS, SHAPES)):
        for word in words:
            assert np.mean([s is not None and s.first[place] == word for s in said]) > 0.4 / len(words)
