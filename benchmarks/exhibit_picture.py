"""An example's attention as a picture, for where a page cannot be: heat over the image, or a matrix."""

import base64
import io

import numpy as np
from PIL import Image, ImageDraw

from attnbench.benchmarks.exhibit import Exhibit

CELL = 18  # pixels of one matrix cell
TILE = 128  # pixels of one image tile
LABEL = 90  # pixels for the words beside a matrix
GOLD = (230, 159, 0)
INK = (0, 114, 178)


def picture(exhibit: Exhibit) -> Image.Image:
    """The picture that fits the example."""
    return image_tiles(exhibit) if exhibit.image and exhibit.grid else matrix(exhibit)


def blend(weight: float) -> tuple[int, int, int]:
    """White to ink as the weight goes from 0 to 1."""
    return tuple(round(255 + (ink - 255) * weight) for ink in INK)  # type: ignore[return-value]


def matrix(exhibit: Exhibit) -> Image.Image:
    """Queries down, memory across, gold outlined."""
    words = exhibit.memory
    canvas = Image.new("RGB", (LABEL + CELL * len(words), LABEL + CELL * len(exhibit.queries)), "white")
    draw = ImageDraw.Draw(canvas)
    for column, word in enumerate(words):
        label = Image.new("RGB", (LABEL, CELL), "white")
        ImageDraw.Draw(label).text((2, 3), word[:14], fill="black")
        canvas.paste(label.rotate(90, expand=True), (LABEL + column * CELL, 0))
    for row, weights in enumerate(exhibit.weights):
        top = LABEL + row * CELL
        draw.text((2, top + 3), exhibit.queries[row][:14], fill="black")
        for column, weight in enumerate(weights):
            left = LABEL + column * CELL
            gold = exhibit.gold is not None and exhibit.gold[row][column]
            outline = GOLD if gold else (225, 225, 225)
            draw.rectangle(
                (left, top, left + CELL - 2, top + CELL - 2), fill=blend(weight), outline=outline, width=1 + gold
            )
    return canvas


def image_tiles(exhibit: Exhibit) -> Image.Image:
    """The image once for each word, bright where the word's query looked."""
    assert exhibit.image is not None
    assert exhibit.grid is not None
    encoded = exhibit.image.partition(",")[2]
    image = Image.open(io.BytesIO(base64.b64decode(encoded))).convert("RGB").resize((TILE, TILE))
    canvas = Image.new("RGB", (TILE * max(1, len(exhibit.queries)), TILE + CELL), "white")
    draw = ImageDraw.Draw(canvas)
    for index, (word, weights) in enumerate(zip(exhibit.queries, exhibit.weights, strict=True)):
        heat = np.asarray(weights, dtype=np.float64).reshape(exhibit.grid)
        heat = heat / max(heat.max(), 1e-9)
        light = Image.fromarray((heat * 255).astype(np.uint8)).resize((TILE, TILE), Image.Resampling.BICUBIC)
        dark = Image.eval(image, lambda value: value // 4)
        canvas.paste(Image.composite(image, dark, light), (index * TILE, 0))
        draw.text((index * TILE + 4, TILE + 3), word, fill="black")
    return canvas
