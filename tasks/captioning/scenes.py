"""Scenes: small rendered images of objects among distractors, with captions, facts, and where each word's object is.

Two coloured objects are worth a mention; grey ones, of the same shapes and sizes, are not. Each of a scene's captions relates the
two: a large red ring is left of a small blue square.
"""

import hashlib
import inspect
import io
from collections.abc import Iterator
from typing import Any, ClassVar, NamedTuple

import numpy as np
import PIL.Image
from datasets import Features, Image, List, Value
from jaxtyping import Bool, UInt8
from numpy import ndarray
from numpy.random import Generator

from attnbench.tasks.captioning import facts, grammar
from attnbench.tasks.captioning.facts import Facts
from attnbench.tasks.captioning.grammar import CAPTIONS, COLOURS, SHAPES, SIZES, Caption, Kind, captions
from attnbench.tasks.source import Generated

SIDE = 64  # pixels
GRID = 8  # cells a side
RADIUS = {"small": (4.5, 6.0), "large": (8.0, 10.0)}  # pixels
LEAD = 12.0  # pixels by which the distance along the relation's axis exceeds that along the other
GAP = 2.0  # pixels kept free between objects
FEWEST, MOST = 2, 5  # distractors that are tried for
TRIES = 15  # places that are tried, so that a crowded scene has fewer
TINT = 6.0  # standard deviation of an object's colour, of 255
NOISE = 8.0  # standard deviation, of 255
RGB = {
    "red": (210, 50, 50),
    "green": (50, 180, 70),
    "blue": (60, 80, 220),
    "yellow": (215, 205, 60),
}
ROW, COLUMN = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)


class Thing(NamedTuple):
    """An object in its place; `kind.colour` is grey for a distractor."""

    kind: Kind
    x: float
    y: float
    radius: float

    def pixels(self) -> Bool[ndarray, "height width"]:
        """Which pixels it covers."""
        across, down, r = COLUMN - self.x, ROW - self.y, self.radius
        match self.kind.shape:
            case "ring":
                return (across**2 + down**2 <= r * r) & (across**2 + down**2 >= (r / 2) ** 2)
            case "square":
                return np.maximum(abs(across), abs(down)) <= 0.88 * r
            case _:
                return (abs(down) <= r) & (abs(across) <= (down + r) / 2)

    def cells(self) -> list[int]:
        """The grid cells that hold a pixel of it, row by row."""
        cell = SIDE // GRID
        return np.flatnonzero(self.pixels().reshape(GRID, cell, GRID, cell).any(axis=(1, 3))).tolist()

    def apart_from(self, other: "Thing") -> bool:
        """Whether the two cannot touch."""
        reach = self.radius + other.radius + GAP
        return max(abs(self.x - other.x), abs(self.y - other.y)) > reach


class Scene(NamedTuple):
    """Two objects worth a mention, how the first stands to the second, and what else is there."""

    objects: tuple[Thing, Thing]
    relation: str
    distractors: list[Thing]


def drawn_thing(rng: Generator, colours: tuple[str, ...]) -> Thing:
    """An object of any kind at any place where it is whole."""
    kind = Kind(*(choices[rng.integers(len(choices))] for choices in (SIZES, colours, SHAPES)))
    radius = rng.uniform(*RADIUS[kind.size])
    x, y = rng.uniform(radius, SIDE - 1 - radius, size=2)
    return Thing(kind, float(x), float(y), float(radius))


def relation(first: Thing, second: Thing) -> str | None:
    """How `first` stands to `second`, along the axis on which they are clearly further apart; None where neither is."""
    across, down = second.x - first.x, second.y - first.y
    if abs(across) >= abs(down) + LEAD:
        return "left of" if across > 0 else "right of"
    if abs(down) >= abs(across) + LEAD:
        return "above" if down > 0 else "below"
    return None


def drawn_scene(rng: Generator) -> Scene:
    """A scene in which nothing overlaps, and the relation is clear."""
    while True:
        first, second = sorted((drawn_thing(rng, COLOURS) for _ in range(2)), key=lambda thing: -thing.radius)
        related = relation(first, second)
        if related is not None and first.kind != second.kind and first.apart_from(second):
            break
    placed = [first, second]
    wanted = 2 + int(rng.integers(FEWEST, MOST + 1))
    for _ in range(TRIES):
        if len(placed) == wanted:
            break
        grey = drawn_thing(rng, ("grey",))
        if all(grey.apart_from(other) for other in placed):
            placed.append(grey)
    return Scene((first, second), related, placed[2:])


def rendered(scene: Scene, rng: Generator) -> UInt8[ndarray, "height width 3"]:
    """The scene over a dark background, each object a little off its colour, with noise over all."""
    image = np.full((SIDE, SIDE, 3), rng.uniform(10, 60), dtype=np.float32)
    for thing in (*scene.objects, *scene.distractors):
        colour = RGB.get(thing.kind.colour, (rng.uniform(110, 220),) * 3)
        image[thing.pixels()] = np.asarray(colour) + rng.normal(0, TINT, size=3)
    image += rng.normal(0, NOISE, size=image.shape).astype(np.float32)
    return image.clip(0, 255).round().astype(np.uint8)


def png(image: UInt8[ndarray, "height width 3"]) -> dict[str, Any]:
    """The image as a file in memory, not compressed: noise would not shrink, and reading is faster."""
    buffer = io.BytesIO()
    PIL.Image.fromarray(image).save(buffer, format="PNG", compress_level=0)
    return {"bytes": buffer.getvalue(), "path": None}


def links(caption: Caption, true: Facts) -> list[list[int]]:
    """[word, cell] for every cell of the object that a word names."""
    named = ((word, thing) for word, thing in enumerate(caption.named) if thing is not None)
    return [[word, cell] for word, thing in named for cell in true.cells[thing]]


class Scenes(Generated):
    """Columns: image; captions (words parted by blanks); gold (for each caption, links [word, cell]); facts (JSON)."""

    name: ClassVar[str] = "scenes"
    grid: ClassVar[tuple[int, int]] = (GRID, GRID)  # whose cells gold names

    def rows(self, split: str, seed: int) -> Iterator[dict[str, Any]]:
        """Endless scenes."""
        rng = np.random.default_rng(seed)
        while True:
            scene = drawn_scene(rng)
            first, second = scene.objects
            true = Facts((first.kind, second.kind), (first.cells(), second.cells()), scene.relation)
            written = [captions(true.kinds, true.relation)[i] for i in rng.permutation(CAPTIONS)]
            yield {
                "image": png(rendered(scene, rng)),
                "captions": [" ".join(caption.words) for caption in written],
                "gold": [links(caption, true) for caption in written],
                "facts": true.to_json(),
            }

    def features(self) -> Features:
        """The image is kept as PNG."""
        links = List(List(List(Value("int32"))))
        return Features({"image": Image(), "captions": List(Value("string")), "gold": links, "facts": Value("string")})

    def checksum(self) -> str:
        """Hash of the generator's code, its grammar's too, seed and sizes."""
        code = super().checksum() + inspect.getsource(grammar) + inspect.getsource(facts)
        return hashlib.sha256(code.encode()).hexdigest()
