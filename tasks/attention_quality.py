"""Attention quality over a whole split: the library's pure functions, added up example by example."""

from collections import defaultdict

import torch
from torch import Tensor

from attnbench.attention import quality
from attnbench.tasks.base import Output

PER_EXAMPLE = ("entropy", "mass_on_gold", "pointing_hit")
MISSING = float("nan")


class AttentionQuality:
    """Adds up outputs of one split. Per example: the mean over its queries that count; over the split: the mean over examples.

    With several places of attention each measure is the mean over the places. What no example can be judged by is NaN.
    """

    def __init__(self) -> None:
        self.examples: dict[str, list[Tensor]] = defaultdict(list)
        self.counts: list[Tensor] = []

    def add(self, output: Output) -> None:
        """Takes in one batch."""
        places = []
        for alignment in output.alignments:
            weights = alignment.weights.detach().float()
            attending = quality.attending(weights)
            measured = {"entropy": mean_over(quality.entropy(weights), attending)}
            if output.gold is not None:
                judged = quality.judged(weights, output.gold)
                measured["mass_on_gold"] = mean_over(quality.mass_on_gold(weights, output.gold), judged)
                measured["pointing_hit"] = mean_over(quality.pointing_hit(weights, output.gold), judged)
                # AER asks for every query that looked; the last (end) symbol and unaligned words have no gold and no link.
                self.counts.append(quality.alignment_counts(weights * judged.unsqueeze(-1), output.gold).cpu())
            places.append(measured)
        for name in places[0]:
            self.examples[name].append(torch.stack([place[name] for place in places]).mean(dim=0).cpu())

    def each(self) -> dict[str, list[float]]:
        """Per-example values, in order; NaN where an example has nothing to be judged by."""
        return {name: torch.cat(values).tolist() for name, values in self.examples.items()}

    def overall(self) -> dict[str, float]:
        """The split's values."""
        result = {name: torch.cat(values).nanmean().item() for name, values in self.examples.items()}
        if self.counts:
            result["alignment_error_rate"] = quality.alignment_error_rate(torch.cat(self.counts))
        return result


def mean_over(values: Tensor, counted: Tensor) -> Tensor:
    """Each row's mean over its counted entries, NaN where none is."""
    return values.masked_fill(~counted, 0.0).sum(dim=-1) / counted.sum(dim=-1)
