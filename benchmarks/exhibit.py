"""A test example with its attention, ready to be drawn: plain values that JSON can hold."""

import base64
import io
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

import PIL.Image
from pydantic import BeforeValidator

from attnbench.tasks.base import Prediction
from attnbench.tasks.sequence.worth import mean_weights

SMALL = 128  # pixels: the longest side of an image that may be kept without loss
LOSSLESS = 16 * 2**10  # bytes that it may then have
LARGEST = 256  # pixels: the longest side that is kept of any other
QUALITY = 85  # of JPEG
# A file has null for NaN.
Weight = Annotated[float, BeforeValidator(lambda value: math.nan if value is None else value)]


@dataclass(frozen=True)
class Exhibit:
    """What was read, what was said, and where each query looked.

    Rows of `weights` and `gold` belong to `queries`; columns to `memory`, or row by row to the cells of `grid` over `image`.
    """

    index: int  # of the example in the test split
    said: str
    truth: list[str]
    queries: list[str]
    memory: list[str]
    weights: list[list[Weight]]
    gold: list[list[bool]] | None = None
    image: str | None = None  # a data URL
    grid: tuple[int, int] | None = None
    about: str | None = None
    place: str | None = None  # where there are several places of attention: the one that is shown, or the mean of all


def exhibits(predictions: Iterable[Prediction], count: int) -> list[Exhibit]:
    """The first `count` examples; none of a model that attends nowhere."""
    shown: list[Exhibit] = []
    for prediction in predictions:
        if not prediction.alignments:
            return shown
        for row in range(len(prediction.said)):
            if len(shown) == count:
                return shown
            shown.append(exhibit(prediction, row, index=len(shown)))
    return shown


def exhibit(prediction: Prediction, row: int, *, index: int, place: int | None = None) -> Exhibit:
    """One example of a batch, with the mean over the places of attention, or with that of this number, which counts from 1."""
    places = prediction.alignments
    looked = mean_weights(places if place is None else [places[place - 1]])
    queries = list(prediction.queries[row])
    memory = list(prediction.memory[row]) if prediction.memory else []
    positions = len(memory) or looked.shape[-1]
    weights = looked[row, : len(queries), :positions].float()
    gold = None if prediction.gold is None else prediction.gold[row, : len(queries), :positions].tolist()
    return Exhibit(
        index=index,
        said=prediction.said[row],
        truth=list(prediction.truth[row]),
        queries=queries,
        memory=memory,
        weights=[[round(weight, 4) for weight in query] for query in weights.tolist()],
        gold=gold,
        image=None if prediction.images is None else data_url(prediction.images[row].open()),
        grid=prediction.grid,
        about=prediction.about[row] if prediction.about else None,
        place=named(place, len(places)),
    )


def named(place: int | None, places: int) -> str | None:
    """What is shown of several places of attention."""
    if places == 1:
        return None
    return f"mean of {places} places of attention" if place is None else f"place {place} of {places}"


def data_url(image: PIL.Image.Image) -> str:
    """The image inside a data URL: a small one as it is, as PNG, and any other as JPEG, at most LARGEST pixels each side."""
    kind, content = "png", encoded(image, "PNG") if max(image.size) <= SMALL else b""
    if not 0 < len(content) <= LOSSLESS:
        reduced = image.copy()
        reduced.thumbnail((LARGEST, LARGEST))
        kind, content = "jpeg", encoded(reduced, "JPEG", quality=QUALITY)
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def encoded(image: PIL.Image.Image, form: str, **options: int) -> bytes:
    """The image as a file's bytes."""
    buffer = io.BytesIO()
    image.save(buffer, format=form, **options)
    return buffer.getvalue()
