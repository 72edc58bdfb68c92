"""Where the words that a model said should have looked."""

import json
from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from attnbench.tasks.captioning.grammar import things


def said_gold(
    said: Sequence[Sequence[str]], facts: Sequence[str], weights: Float[Tensor, "batch query cell"]
) -> Bool[Tensor, "batch query cell"]:
    """The cells of the objects that said words name rightly: `a small red circle` of a scene that has one. Shaped as `weights`."""
    gold = torch.zeros(weights.shape, dtype=torch.bool)
    for row, (words, about) in enumerate(zip(said, facts, strict=True)):
        cells = {tuple(thing["kind"]): thing["cells"] for thing in json.loads(about)["objects"]}
        for article, kind in things(words):
            for word in range(article + 1, article + 1 + len(kind)):
                gold[row, word, cells.get(kind, [])] = True
    return gold.to(weights.device)
