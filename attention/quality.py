"""How good an alignment is in itself: pure functions of weights and of the truth about where to look.

A query counts where its gold row is not empty and its weights are not all zero; what counts nowhere gives NaN, which the
caller shows as missing.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

Weights = Float[Tensor, "batch query memory"]
Gold = Bool[Tensor, "batch query memory"]
PerQuery = Float[Tensor, "batch query"]


def attending(weights: Weights) -> Bool[Tensor, "batch query"]:
    """Which queries looked anywhere."""
    return weights.sum(dim=-1) > 0


def judged(weights: Weights, gold: Gold) -> Bool[Tensor, "batch query"]:
    """Which queries looked somewhere and have a truth to be held against."""
    return attending(weights) & gold.any(dim=-1)


def entropy(weights: Weights) -> PerQuery:
    """H(α) = -Σ_i α_i log α_i in nats; 0 for one position, log n for n equal ones."""
    return torch.special.entr(weights.detach().double()).sum(dim=-1)


def mass_on_gold(weights: Weights, gold: Gold) -> PerQuery:
    """Σ_{i in gold} α_i: the share of attention that lies where it should."""
    return weights.detach().double().masked_fill(~gold, 0.0).sum(dim=-1)


def pointing_hit(weights: Weights, gold: Gold) -> PerQuery:
    """1 where the largest weight lies on gold, else 0 (the pointing game, Zhang et al. 2018).

    Where k positions share the largest weight it is the share of them on gold, what picking one at random hits in the mean.
    """
    largest = weights == weights.amax(dim=-1, keepdim=True)
    return (largest & gold).sum(dim=-1).double() / largest.sum(dim=-1).double()


def links(weights: Weights) -> Gold:
    """The predicted alignment: each query's largest weight (the first of equals), none for a query that looked nowhere."""
    chosen = torch.zeros_like(weights, dtype=torch.bool)
    chosen.scatter_(-1, weights.argmax(dim=-1, keepdim=True), True)
    return chosen & attending(weights).unsqueeze(-1)


def alignment_counts(weights: Weights, gold: Gold) -> Float[Tensor, "batch 3"]:
    """Per example: predicted links A, gold links S, and those in both, over queries that looked somewhere."""
    predicted = links(weights)
    gold = gold & attending(weights).unsqueeze(-1)
    return torch.stack([(x.sum(dim=(1, 2))).double() for x in (predicted, gold, predicted & gold)], dim=-1)


def alignment_error_rate(counts: Float[Tensor, "examples 3"]) -> float:
    """AER = 1 - (|A∩S| + |A∩P|) / (|A| + |S|) with sure links only (P = S), over a corpus. Och & Ney 2003, eq. 24."""
    predicted, gold, both = counts.sum(dim=0).tolist()
    return 1.0 - 2.0 * both / (predicted + gold) if predicted + gold else float("nan")
