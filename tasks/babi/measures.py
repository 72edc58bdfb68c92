"""What answers and looks are worth, task by task."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence

from jaxtyping import Float
from torch import Tensor

from attnbench.attention import quality
from attnbench.tasks.base import Prediction

PASSED = 95.0  # percent of right answers from which a task is not failed (Weston et al. 2015, §4)


def right(predictions: Sequence[Prediction]) -> list[float]:
    """100 for an answer that is right in all its words and their order, else 0, a question."""
    return [
        100.0 * (said in truth)
        for prediction in predictions
        for said, truth in zip(prediction.said, prediction.truth, strict=True)
    ]


def evidence(predictions: Sequence[Prediction]) -> dict[str, list[float]]:
    """Percent (0-100) a question; {} where the supporting facts are not known.

    `evidence_hit`: hops whose largest weight lies on a supporting fact; `evidence_mass`: attention on supporting facts, mean
    over hops; `evidence_found`: supporting facts on which some hop's largest weight lies.
    """
    found: dict[str, list[float]] = defaultdict(list)
    for prediction in predictions:
        if prediction.gold is None:
            return {}
        (alignment,), gold = prediction.alignments, prediction.gold
        weights = alignment.weights.float()
        pointed = (quality.links(weights) & gold).any(dim=1).sum(dim=-1) / gold.any(dim=1).sum(dim=-1)
        found["evidence_hit"] += percent(quality.pointing_hit(weights, gold).mean(dim=-1))
        found["evidence_mass"] += percent(quality.mass_on_gold(weights, gold).mean(dim=-1))
        found["evidence_found"] += percent(pointed)
    return dict(found)


def percent(shares: Float[Tensor, " batch"]) -> list[float]:
    """Shares in percent."""
    values: list[float] = (100.0 * shares).tolist()
    return values


def each(predictions: Sequence[Prediction]) -> dict[str, list[float]]:
    """All measures a question."""
    return {"accuracy": right(predictions), **evidence(predictions)}


def overall(predictions: Sequence[Prediction]) -> dict[str, float]:
    """Means over all questions, then over each task's (`accuracy_qa1`), and `failed_tasks`: how many are below 95 % accuracy."""
    values = each(predictions)
    tasks = [json.loads(about)["task"] for prediction in predictions for about in prediction.about]
    result = {name: mean(those) for name, those in values.items()}
    by_task: dict[str, Mapping[str, float]] = {}
    for task in sorted(set(tasks), key=lambda name: (len(name), name)):
        own = [index for index, other in enumerate(tasks) if other == task]
        by_task[task] = {name: mean([those[index] for index in own]) for name, those in values.items()}
    result["failed_tasks"] = float(sum(found["accuracy"] < PASSED for found in by_task.values()))
    return result | {f"{name}_{task}": found[name] for name in values for task, found in by_task.items()}


def mean(values: Sequence[float]) -> float:
    """The mean."""
    return sum(values) / len(values)
