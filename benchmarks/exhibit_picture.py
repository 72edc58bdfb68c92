"""An example's attention as a picture, for where a page cannot be: over the image, or a matrix."""

import math

from PIL import Image, ImageDraw

from attnbench.benchmarks.exhibit import Exhibit
from attnbench.benchmarks.image_tiles import image_tiles
from attnbench.benchmarks.lettering import fitted, font

CELL = 18  # pixels of one matrix cell
LABEL = 110  # pixels for the words beside a matrix
WORD = 12  # size of letters
BLOCK = 48  # words of memory side by side; more go on below
GOLD = (230, 159, 0)
INK = (0, 114, 178)


def picture(exhibit: Exhibit) -> Image.Image:
    """The picture that fits the example."""
    return image_tiles(exhibit) if exhibit.image and exhibit.grid else matrix(exhibit)


def blend(weight: float) -> tuple[int, int, int]:
    """White to ink as the weight goes from 0 to 1, even in √weight as on the page; one that is no number is none."""
    share = math.sqrt(min(1.0, max(0.0, weight))) if math.isfinite(weight) else 0.0
    return tuple(round(255 + (ink - 255) * share) for ink in INK)  # type: ignore[return-value]


def matrix(exhibit: Exhibit) -> Image.Image:
    """Queries down, memory across, gold outlined; a long memory in blocks below each other, a single query above them."""
    starts = range(0, max(1, len(exhibit.memory)), BLOCK)
    blocks = [block(exhibit, start, min(start + BLOCK, len(exhibit.memory))) for start in starts]
    width, top = max(b.width for b in blocks), CELL if len(exhibit.queries) == 1 else 0
    canvas = Image.new("RGB", (width, top + sum(b.height for b in blocks)), "white")
    if top:
        ImageDraw.Draw(canvas).text((4, 1), fitted(exhibit.queries[0], font(WORD), width - 8), "black", font(WORD))
    for drawn in blocks:
        canvas.paste(drawn, (0, top))
        top += drawn.height
    return canvas


def block(exhibit: Exhibit, start: int, end: int) -> Image.Image:
    """The matrix for memory from `start` to before `end`."""
    letters = font(WORD)
    canvas = Image.new("RGB", (LABEL + CELL * (end - start), LABEL + CELL * len(exhibit.queries)), "white")
    draw = ImageDraw.Draw(canvas)
    for column, word in enumerate(exhibit.memory[start:end]):
        label = Image.new("RGB", (LABEL, CELL), "white")
        ImageDraw.Draw(label).text((4, 1), fitted(word, letters, LABEL - 6), fill="black", font=letters)
        canvas.paste(label.rotate(90, expand=True), (LABEL + column * CELL, 0))
    for row, weights in enumerate(exhibit.weights):
        top = LABEL + row * CELL
        if len(exhibit.queries) > 1:
            draw.text((4, top + 1), fitted(exhibit.queries[row], letters, LABEL - 8), fill="black", font=letters)
        for column, weight in enumerate(weights[start:end]):
            left = LABEL + column * CELL
            gold = exhibit.gold is not None and exhibit.gold[row][start + column]
            outline = GOLD if gold else (225, 225, 225)
            corners = (left, top, left + CELL - 2, top + CELL - 2)
            draw.rectangle(corners, fill=blend(weight), outline=outline, width=1 + gold)
    return canvas
