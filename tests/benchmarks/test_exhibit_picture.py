"""Pictures of attention for where a page cannot be."""

import torch

from attnbench.attention import Alignment
from attnbench.benchmarks.exhibit import exhibits
from attnbench.benchmarks.exhibit_picture import CELL, GOLD, LABEL, TILE, picture
from attnbench.tasks.base import Prediction


def test_a_matrix_is_darkest_where_the_weight_is_and_outlines_gold() -> None:
    weights = torch.tensor([[[0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]])
    gold = torch.tensor([[[False, False, True]]])
    prediction = Prediction(["x"], [["x"]], [Alignment(weights)], [["x"]], [["a", "b"]], gold=None)
    (shown,) = exhibits([prediction], 5)
    assert shown.weights == [[0.0, 1.0]]  # cut to the queries and words that the example has
    drawn = picture(shown)

    def middle(column: int) -> tuple[int, ...]:
        pixel = drawn.getpixel((LABEL + column * CELL + CELL // 2, LABEL + CELL // 2))
        assert isinstance(pixel, tuple)
        return pixel

    assert middle(0) == (255, 255, 255)
    assert sum(middle(1)) < 400
    with_gold = prediction._replace(memory=[["a", "b", "c"]], gold=gold)
    (outlined,) = exhibits([with_gold], 1)
    assert picture(outlined).getpixel((LABEL + 2 * CELL, LABEL)) == GOLD


def test_an_image_has_a_tile_a_word_and_is_bright_where_the_word_looked() -> None:
    image = torch.ones(1, 3, 16, 16)
    weights = torch.tensor([[[1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]]])
    prediction = Prediction(["a b"], [["a b"]], [Alignment(weights)], [["a", "b"]], [], images=image, grid=(2, 2))
    (shown,) = exhibits([prediction], 1)
    drawn = picture(shown)
    assert drawn.width == 2 * TILE

    def brightness(tile: int, x: int, y: int) -> int:
        pixel = drawn.getpixel((tile * TILE + x, y))
        assert isinstance(pixel, tuple)
        return sum(pixel)

    assert brightness(0, 10, 10) > brightness(0, TILE - 10, TILE - 10)
    assert brightness(1, 10, 10) < brightness(1, TILE - 10, TILE - 10)
