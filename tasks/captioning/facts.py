"""What is true of a scene: the facts that a caption is held against, and where its words should have looked."""

import json
from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from attnbench.tasks.captioning.grammar import OPPOSITE, Kind, statement, things


class Facts(NamedTuple):
    """Two objects, the grid cells that each covers, and how the first stands to the second."""

    kinds: tuple[Kind, Kind]
    cells: tuple[list[int], list[int]]
    relation: str

    def to_json(self) -> str:
        """As one line of text, the way a data set keeps them."""
        return json.dumps(self._asdict())

    @staticmethod
    def from_json(text: str) -> "Facts":
        """From what `to_json` wrote."""
        kept = json.loads(text)
        first, second = (Kind(*kind) for kind in kept["kinds"])
        return Facts((first, second), tuple(kept["cells"]), kept["relation"])

    def bear_out(self, words: Sequence[str]) -> bool:
        """Whether a caption of the grammar names both objects rightly, and how one stands to the other."""
        first, second = self.kinds
        return statement(words) in ((first, self.relation, second), (second, OPPOSITE[self.relation], first))


def said_gold(
    said: Sequence[Sequence[str]], facts: Sequence[Facts], weights: Float[Tensor, "batch query cell"]
) -> Bool[Tensor, "batch query cell"]:
    """The cells of the objects that said words name rightly (size, colour and shape), for queries and cells of `weights`."""
    gold = torch.zeros(weights.shape, dtype=torch.bool)
    for row, (words, true) in enumerate(zip(said, facts, strict=True)):
        cells = dict(zip(true.kinds, true.cells, strict=True))
        for article, kind in things(words):
            for word in range(article + 1, article + 1 + len(kind)):
                gold[row, word, cells.get(kind, [])] = True
    return gold.to(weights.device)
