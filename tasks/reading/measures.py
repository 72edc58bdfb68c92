"""What a reader's answers are worth: accuracy, overall and by the number of sentences that a question takes."""

import json
from collections.abc import Sequence

from attnbench.tasks.base import Prediction


def hits(predictions: Sequence[Prediction]) -> list[float]:
    """100 for a right answer, else 0, a story."""
    return [
        100.0 * (said in truth)
        for prediction in predictions
        for said, truth in zip(prediction.said, prediction.truth, strict=True)
    ]


def accuracies(predictions: Sequence[Prediction]) -> dict[str, float]:
    """Right answers in percent (0-100): of all stories, and of those that take one hop, two, ... where that is known."""
    right = hits(predictions)
    hops = [json.loads(about)["hops"] for prediction in predictions for about in prediction.about]
    result = {"accuracy": mean(right)}
    for needed in sorted(set(hops)):
        name = f"accuracy_{needed}_hop" + "s" * (needed > 1)
        result[name] = mean([hit for hit, of in zip(right, hops, strict=True) if of == needed])
    return result


def mean(values: Sequence[float]) -> float:
    """The mean; NaN, which is shown as missing, where there are no values."""
    return sum(values) / len(values) if values else float("nan")
