"""A test example with its attention, ready to be drawn: plain values that JSON can hold."""

import base64
import io
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from attnbench.tasks.base import Prediction


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
    weights: list[list[float]]
    gold: list[list[bool]] | None = None
    image: str | None = None  # a data URL
    grid: tuple[int, int] | None = None
    about: str | None = None


def exhibits(predictions: Iterable[Prediction], count: int) -> list[Exhibit]:
    """The first `count` examples, with the first place of attention of each."""
    shown: list[Exhibit] = []
    for prediction in predictions:
        for row in range(len(prediction.said)):
            if len(shown) == count:
                return shown
            shown.append(exhibit(prediction, row, index=len(shown)))
    return shown


def exhibit(prediction: Prediction, row: int, *, index: int) -> Exhibit:
    """One example of a batch."""
    queries = list(prediction.queries[row])
    memory = list(prediction.memory[row]) if prediction.memory else []
    positions = len(memory) or prediction.alignments[0].weights.shape[-1]
    weights = prediction.alignments[0].weights[row, : len(queries), :positions].float()
    gold = None if prediction.gold is None else prediction.gold[row, : len(queries), :positions].tolist()
    return Exhibit(
        index=index,
        said=prediction.said[row],
        truth=list(prediction.truth[row]),
        queries=queries,
        memory=memory,
        weights=[[round(weight, 4) for weight in query] for query in weights.tolist()],
        gold=gold,
        image=None if prediction.images is None else data_url(prediction.images[row]),
        grid=prediction.grid,
        about=prediction.about[row] if prediction.about else None,
    )


def data_url(image: Float[Tensor, "3 height width"]) -> str:
    """The image as PNG inside a data URL."""
    pixels = (image.detach().float().clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).cpu().numpy()
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
