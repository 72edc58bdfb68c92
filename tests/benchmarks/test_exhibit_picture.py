"""Pictures of attention for where a page cannot be."""

import base64
import io
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
from jaxtyping import Float

from attnbench.attention import Alignment
from attnbench.benchmarks.exhibit import LARGEST, SMALL, Exhibit, data_url, exhibit, exhibits
from attnbench.benchmarks.exhibit_picture import BLOCK, CELL, GOLD, LABEL, picture
from attnbench.benchmarks.image_tiles import GAP, ROW, TILE, attention_map, place, size, tile_image
from attnbench.benchmarks.image_tiles import LABEL as BELOW
from attnbench.benchmarks.lettering import fitted, font
from attnbench.tasks.base import Prediction


class White:
    """A white image."""

    def open(self) -> PIL.Image.Image:
        return PIL.Image.new("RGB", (16, 16), "white")


def shown_over(
    image: PIL.Image.Image,
    grid: tuple[int, int],
    weights: Sequence[Sequence[float]],
    words: Sequence[str] | None = None,
) -> Exhibit:
    """An example with a word for each row of weights."""
    queries = list(words) if words is not None else [f"w{index}" for index in range(len(weights))]
    return Exhibit(
        0, " ".join(queries), ["x"], queries, [], [list(row) for row in weights], None, data_url(image), grid
    )


def tile(exhibit: Exhibit, index: int) -> Float[np.ndarray, "height width"]:
    """The brightness of the image in a tile of the drawn picture; 0 is the plain one."""
    image = tile_image(exhibit)
    left, top = place(index, image)
    part = picture(exhibit).crop((left, top, left + image.width, top + image.height))
    return np.asarray(part, dtype=np.float64).mean(axis=2)


def one_hot(place: int, cells: int) -> list[float]:
    return [1.0 if cell == place else 0.0 for cell in range(cells)]


WHITE = PIL.Image.new("RGB", (64, 64), "white")


def test_a_matrix_is_darkest_where_the_weight_is_and_outlines_gold() -> None:
    weights = torch.tensor([[[0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]])
    gold = torch.tensor([[[False, False, True]]])
    prediction = Prediction(["x"], [["x"]], [Alignment(weights)], [["x"]], [["a", "b"]], gold=None)
    (shown,) = exhibits([prediction], 5)
    assert shown.weights == [[0.0, 1.0]]  # cut to the queries and words that the example has
    drawn = picture(shown)

    def middle(column: int) -> tuple[int, ...]:
        pixel = drawn.getpixel((LABEL + column * CELL + CELL // 2, CELL + LABEL + CELL // 2))
        assert isinstance(pixel, tuple)
        return pixel

    assert middle(0) == (255, 255, 255)
    assert sum(middle(1)) < 400
    with_gold = prediction._replace(memory=[["a", "b", "c"]], gold=gold)
    (outlined,) = exhibits([with_gold], 1)
    assert picture(outlined).getpixel((LABEL + 2 * CELL, CELL + LABEL)) == GOLD


def test_of_several_places_of_attention_their_mean_is_shown_or_one_and_it_is_said_which() -> None:
    first, second = torch.tensor([[[1.0, 0.0]]]), torch.tensor([[[0.5, 0.5]]])
    prediction = Prediction(["x"], [["x"]], [Alignment(first), Alignment(second)], [["x"]], [["a", "b"]])
    (mean,) = exhibits([prediction], 1)
    assert (mean.weights, mean.place) == ([[0.75, 0.25]], "mean of 2 places of attention")
    alone = exhibit(prediction, 0, index=0, place=2)
    assert (alone.weights, alone.place) == ([[0.5, 0.5]], "place 2 of 2")
    assert exhibit(prediction._replace(alignments=[Alignment(first)]), 0, index=0).place is None


def test_a_long_memory_goes_on_below() -> None:
    words = [f"w{index}" for index in range(BLOCK + 3)]
    drawn = picture(Exhibit(0, "x", ["x"], ["q"], words, [one_hot(BLOCK + 1, len(words))]))
    assert drawn.size == (LABEL + BLOCK * CELL, CELL + 2 * (LABEL + CELL))  # the query stands above
    below = drawn.getpixel((LABEL + CELL + CELL // 2, CELL + LABEL + CELL + LABEL + CELL // 2))
    assert isinstance(below, tuple)
    assert sum(below) < 400


def test_an_image_stands_plain_before_a_tile_a_word_that_is_bright_where_the_word_looked() -> None:
    image = [White()]
    weights = torch.tensor([[[1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]]])
    prediction = Prediction(["a b"], [["a b"]], [Alignment(weights)], [["a", "b"]], [], images=image, grid=(2, 2))
    (shown,) = exhibits([prediction], 1)
    assert picture(shown).size == (GAP + 3 * (TILE + GAP), GAP + TILE + BELOW)
    assert tile(shown, 0).min() == 255
    assert tile(shown, 1)[10, 10] > 2 * tile(shown, 1)[-10, -10]
    assert 2 * tile(shown, 2)[10, 10] < tile(shown, 2)[-10, -10]


@pytest.mark.parametrize(("words", "rows", "columns"), [(0, 1, 1), (1, 1, 2), (5, 1, 6), (6, 2, 6), (30, 6, 6)])
def test_there_is_a_tile_a_word_in_rows(words: int, rows: int, columns: int) -> None:
    shown = shown_over(WHITE, (2, 2), [one_hot(index % 4, 4) for index in range(words)])
    drawn = picture(shown)
    assert drawn.size == size(words, TILE) == (GAP + columns * (TILE + GAP), GAP + rows * (TILE + BELOW))
    last = tile(shown, words)  # the tile of the last word, and the plain image where there is none
    assert (last.min() < 100) == (words > 0)
    assert ROW == 6


CORNERS = {0: (0, 0), 4: (0, 1), 10: (1, 0), 14: (1, 1)}  # of a grid of 3 × 5


@pytest.mark.parametrize("cell", CORNERS)
@pytest.mark.parametrize("sides", [(64, 64), (300, 100), (90, 400)], ids=str)
def test_a_map_in_one_corner_makes_that_corner_the_brightest_whatever_the_proportions(
    cell: int, sides: tuple[int, int]
) -> None:
    shown = shown_over(PIL.Image.new("RGB", sides, "white"), (3, 5), [one_hot(cell, 15)])
    image = tile_image(shown)
    assert max(image.size) == TILE
    assert image.width / image.height == pytest.approx(sides[0] / sides[1], rel=0.02)
    seen = tile(shown, 1)
    corners = {(row, column): seen[-row, -column] for row in (0, 1) for column in (0, 1)}
    assert max(corners, key=lambda corner: corners[corner]) == CORNERS[cell]
    assert corners[CORNERS[cell]] > 250
    assert sorted(corners.values())[-2] < 100


@pytest.mark.parametrize("grid", [(14, 14), (1, 1), (3, 7)], ids=str)
def test_equal_weights_are_evenly_bright(grid: tuple[int, int]) -> None:
    cells = grid[0] * grid[1]
    seen = tile(shown_over(WHITE, grid, [[1 / cells] * cells]), 1)
    assert seen.min() == seen.max() == 255


def test_a_query_that_looked_nowhere_is_evenly_dark() -> None:
    seen = tile(shown_over(WHITE, (2, 2), [[0.0] * 4]), 1)
    assert seen.min() == seen.max() < 100


@pytest.mark.parametrize("cell", [(0, 0), (3, 4), (6, 6), (2, 0)], ids=str)
def test_a_single_weight_is_one_hill_that_falls_from_its_cell(cell: tuple[int, int]) -> None:
    row, column = cell
    seen = attention_map(one_hot(7 * row + column, 49), (7, 7), width=140, height=210)
    assert seen.shape == (210, 140)
    assert seen.min() >= 0
    top = np.unravel_index(seen.argmax(), seen.shape)
    assert (top[0] // 30, top[1] // 20) == cell
    for line in (seen[top[0], : top[1] + 1], seen[top[0], top[1] :][::-1], seen[: top[0] + 1, top[1]]):
        assert (np.diff(line) >= 0).all()
    assert np.abs(np.diff(seen, axis=0)).max() < 0.1  # smooth: no edge of a cell shows


def test_a_map_is_that_of_its_weights_and_not_of_their_size() -> None:
    weights = np.random.default_rng(0).random(12)
    one = attention_map(weights.tolist(), (3, 4), width=40, height=30)
    assert one.max() == 1
    np.testing.assert_allclose(attention_map((weights / 100).tolist(), (3, 4), width=40, height=30), one)
    np.testing.assert_allclose(  # rows are rows: mirrored weights give the mirrored map
        attention_map(weights.reshape(3, 4)[::-1].reshape(-1).tolist(), (3, 4), width=40, height=30), one[::-1]
    )


ODD = [
    "词",
    "собака",
    "كلب",
    "🐕",
    "",
    "\ud800",
    "a\nb\x00",
    "Donaudampfschifffahrtsgesellschaftskapitän" * 3,
    "x" * 10_000,
]


@pytest.mark.parametrize("kind", ["picture", "matrix"])
def test_any_word_can_be_drawn_and_stays_in_its_room(kind: str) -> None:
    weights = [one_hot(index % 4, 4) for index in range(len(ODD))]
    over = shown_over(WHITE, (2, 2), weights, ODD)
    drawn = picture(over if kind == "picture" else replace(over, image=None, grid=None, memory=ODD[:4]))
    assert drawn.width > 0
    letters = font(16)
    for word in ODD:
        assert letters.getlength(fitted(word, letters, TILE)) <= TILE
    assert fitted("dog", letters, TILE) == "dog"
    assert fitted(ODD[-1], letters, TILE).endswith("…")


def test_weights_that_are_no_numbers_are_drawn_as_none() -> None:
    nothing = [float("nan")] * 4
    assert tile(shown_over(WHITE, (2, 2), [nothing]), 1).max() < 100
    drawn = picture(Exhibit(0, "x", ["x"], ["q"], ["a", "b"], [[float("nan"), 1.0]]))
    assert drawn.getpixel((LABEL + CELL // 2, CELL + LABEL + CELL // 2)) == (255, 255, 255)


def kept(image: PIL.Image.Image) -> tuple[str, PIL.Image.Image, int]:
    """What is kept of an image: its form, its pixels, how many characters long."""
    url = data_url(image)
    return url[11:15], PIL.Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))), len(url)


def test_a_small_drawing_is_kept_as_it_is_and_a_photograph_small() -> None:
    drawing = PIL.Image.new("RGB", (64, 64), "white")
    drawing.paste((200, 30, 30), (10, 10, 30, 30))
    form, same, _ = kept(drawing)
    assert form == "png;"
    assert np.array_equal(np.asarray(same), np.asarray(drawing))
    coarse = np.random.default_rng(0).integers(0, 255, (40, 60, 3), dtype=np.uint8)
    photograph = PIL.Image.fromarray(coarse).resize((1800, 1200), PIL.Image.Resampling.BICUBIC)
    form, reduced, length = kept(photograph)
    assert form == "jpeg"
    assert reduced.size == (LARGEST, round(LARGEST * 1200 / 1800))
    assert length < 40_000
    near = np.asarray(photograph.resize(reduced.size), dtype=float) - np.asarray(reduced, dtype=float)
    assert np.abs(near).mean() < 12  # it is still the photograph
    noise: Any = np.random.default_rng(0).integers(0, 255, (SMALL, SMALL, 3), dtype=np.uint8)
    assert kept(PIL.Image.fromarray(noise))[0] == "jpeg"  # small, but not in bytes
    assert kept(PIL.Image.new("RGB", (3000, 2)))[1].size == (LARGEST, 1)
