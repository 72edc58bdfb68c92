"""Attention quality over a whole split: the library's pure functions, added up example by example."""

from collections import defaultdict

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from attnbench.attention import quality
from attnbench.tasks.base import Output


class AttentionQuality:
    """Adds up outputs of one split. Per example: the mean over its queries that count; over the split: the mean over examples.

    With several places of attention each measure is the mean over the places; with none there are no measures. What no example
    can be judged by is NaN.
    """

    def __init__(self) -> None:
        self.examples: dict[str, list[Tensor]] = defaultdict(list)
        self.counts: list[Tensor] = []
        self.maps: list[Maps] = []

    def add(self, output: Output) -> None:
        """Takes in one batch."""
        places = []
        self.maps += [Maps() for _ in output.alignments[len(self.maps) :]]
        for alignment, maps in zip(output.alignments, self.maps, strict=True):
            weights = alignment.weights.detach().float()
            maps.add(weights)
            attending = quality.attending(weights)
            measured = {
                "entropy": mean_over(quality.entropy(weights), attending),
                "movement": quality.movement(weights),
            }
            if output.gold is not None:
                judged = quality.judged(output.gold)
                measured["mass_on_gold"] = mean_over(quality.mass_on_gold(weights, output.gold), judged)
                measured["pointing_hit"] = mean_over(quality.pointing_hit(weights, output.gold), judged)
                # AER asks for every query that looked; the last (end) symbol and unaligned words have no gold and no link.
                sure = output.gold if output.possible is None else output.gold & ~output.possible
                counts = quality.alignment_counts(weights * judged.unsqueeze(-1), sure, output.possible)
                self.counts.append(counts.cpu())
            places.append(measured)
        for name in places[0] if places else ():
            self.examples[name].append(torch.stack([place[name] for place in places]).mean(dim=0).cpu())

    def each(self) -> dict[str, list[float]]:
        """Per-example values, in order; NaN where an example has nothing to be judged by."""
        return {name: torch.cat(values).tolist() for name, values in self.examples.items()}

    def overall(self) -> dict[str, float]:
        """The split's values."""
        result = {name: torch.cat(values).nanmean().item() for name, values in self.examples.items()}
        if self.maps:
            result["dependence"] = sum(maps.dependence() for maps in self.maps) / len(self.maps)
        if self.counts:
            result["alignment_error_rate"] = quality.alignment_error_rate(torch.cat(self.counts))
        return result


class Maps:
    """Sums over a split's examples of one place's maps, query by query."""

    def __init__(self) -> None:
        self.totals = torch.zeros(0, 0, dtype=torch.float64)
        self.looked = torch.zeros(0, dtype=torch.float64)
        self.entropies = torch.zeros(0, dtype=torch.float64)

    def add(self, weights: Float[Tensor, "batch query memory"]) -> None:
        """Takes in one batch."""
        queries = max(weights.shape[1], len(self.looked))
        memory = max(weights.shape[2], self.totals.shape[1])
        attending = quality.attending(weights)
        self.totals = grown(self.totals, queries, memory) + grown(weights.double().sum(dim=0).cpu(), queries, memory)
        self.looked = grown(self.looked, queries) + grown(attending.double().sum(dim=0).cpu(), queries)
        self.entropies = grown(self.entropies, queries) + grown(quality.entropy(weights).sum(dim=0).cpu(), queries)

    def dependence(self) -> float:
        """As `quality.dependence` says."""
        return quality.dependence(self.totals, self.looked, self.entropies)


def grown(sums: Tensor, *shape: int) -> Tensor:
    """The sums with zeros behind them, up to the shape."""
    missing = [number for size, wanted in zip(sums.shape, shape, strict=True) for number in (wanted - size, 0)]
    return functional.pad(sums, missing[::-1])


def mean_over(values: Tensor, counted: Tensor) -> Tensor:
    """Each row's mean over its counted entries, NaN where none is."""
    return values.masked_fill(~counted, 0.0).sum(dim=-1) / counted.sum(dim=-1)
