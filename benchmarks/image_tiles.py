"""Attention over an image as in the figures of Xu et al. 2015: the image, then a tile a word, bright where the word looked."""

import base64
import io
import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw

from attnbench.benchmarks.exhibit import Exhibit
from attnbench.benchmarks.lettering import fitted, font

TILE = 192  # pixels: the longest side of the image in a tile
GAP = 8  # between tiles
ROW = 6  # tiles
WORD, NOTE = 16, 11  # sizes of letters
LABEL = 42  # pixels for the word and its note below a tile
SIGMA = 0.6  # of the Gaussian that smooths a map, in cells
DIM = 0.28  # how bright the image stays where nobody looked
GLOW = 0.35  # how far it is brought to white where the word looked most


def image_tiles(exhibit: Exhibit) -> Image.Image:
    """The image once as it is, and once for each word with where its query looked."""
    assert exhibit.grid is not None
    image = tile_image(exhibit)
    canvas = Image.new("RGB", size(len(exhibit.queries), image.height), "white")
    canvas.paste(image, place(0, image))
    for index, (word, weights) in enumerate(zip(exhibit.queries, exhibit.weights, strict=True), start=1):
        seen = attention_map(weights, exhibit.grid, width=image.width, height=image.height)
        left, top = place(index, image)
        canvas.paste(lit(image, seen), (left, top))
        write(canvas, column(index), top + image.height, word, note(weights))
    return canvas


def tile_image(exhibit: Exhibit) -> Image.Image:
    """The exhibit's image, in its proportions, as large as a tile."""
    assert exhibit.image is not None
    whole = Image.open(io.BytesIO(base64.b64decode(exhibit.image.partition(",")[2]))).convert("RGB")
    scale = TILE / max(whole.size)
    sides = [max(1, round(side * scale)) for side in whole.size]
    return whole.resize((sides[0], sides[1]), Image.Resampling.BICUBIC)


def size(words: int, height: int) -> tuple[int, int]:
    """Width and height of the canvas for so many words, and the plain image before them."""
    tiles = words + 1
    columns, rows = min(tiles, ROW), math.ceil(tiles / ROW)
    return GAP + columns * (TILE + GAP), GAP + rows * (height + LABEL)


def column(index: int) -> int:
    """Where a tile begins from the left."""
    return GAP + (index % ROW) * (TILE + GAP)


def place(index: int, image: Image.Image) -> tuple[int, int]:
    """Where the image of a tile stands; a narrow one in the middle of its column."""
    return column(index) + (TILE - image.width) // 2, GAP + (index // ROW) * (image.height + LABEL)


def spread(pixels: int, cells: int) -> Float[np.ndarray, "pixel cell"]:
    """How much of each cell's weight shows at each pixel: a Gaussian around the cell's middle, whose sum over cells is 1.

    So equal weights give an even map, a single weight one hill, and no value lies outside those of the weights.
    """
    at = (np.arange(pixels) + 0.5) * cells / pixels - 0.5
    distance = (at[:, None] - np.arange(cells)) / SIGMA
    near = np.exp(-0.5 * (distance**2 - (distance**2).min(axis=1, keepdims=True)))
    return near / near.sum(axis=1, keepdims=True)


def attention_map(
    weights: Sequence[float], grid: tuple[int, int], *, width: int, height: int
) -> Float[np.ndarray, "height width"]:
    """A query's weights over a grid's cells, row by row, as a smooth map whose largest value is 1; all 0 where they are."""
    cells = np.nan_to_num(np.asarray(weights, dtype=np.float64)).reshape(grid)
    smooth = spread(height, grid[0]) @ cells @ spread(width, grid[1]).T
    most = smooth.max()
    return smooth / most if most > 0 else smooth


def lit(image: Image.Image, seen: Float[np.ndarray, "height width"]) -> Image.Image:
    """The image dark and grey where the map is 0, bright and in colour where it is 1."""
    colour = np.asarray(image, dtype=np.float64)
    grey = np.asarray(image.convert("L"), dtype=np.float64)[..., None]
    share = seen[..., None]
    mixed = DIM * grey * (1 - share) + (colour + GLOW * (255 - colour)) * share
    pixels: UInt8[np.ndarray, "height width 3"] = mixed.round().clip(0, 255).astype(np.uint8)
    return Image.fromarray(pixels)


def note(weights: Sequence[float]) -> str:
    """The largest weight: a map shows where it is, not how large."""
    return f"largest weight {100 * max(weights, default=0.0):.1f} %"


def write(canvas: Image.Image, left: int, top: int, word: str, below: str) -> None:
    """The word in the middle of its tile's column, and a note below it."""
    draw = ImageDraw.Draw(canvas)
    for text, letters, colour, line in ((word, font(WORD), "black", 2), (below, font(NOTE), (110, 110, 110), 22)):
        shown = fitted(text, letters, TILE)
        draw.text((left + (TILE - letters.getlength(shown)) / 2, top + line), shown, fill=colour, font=letters)
