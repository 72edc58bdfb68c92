"""How good an alignment is in itself: pure functions of weights and of the truth about where to look.

A query is judged where its gold row is not empty, as it is for padding: one that has a truth and looked nowhere, as monotonic
attention may, has missed it. What counts nowhere gives NaN, which the caller shows as missing.
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


def judged(gold: Gold) -> Bool[Tensor, "batch query"]:
    """Which queries have a truth to be held against."""
    return gold.any(dim=-1)


def entropy(weights: Weights) -> PerQuery:
    """H(α) = -Σ_i α_i log α_i in nats; 0 for one position, log n for n equal ones."""
    return torch.special.entr(weights.detach().double()).sum(dim=-1)


def movement(weights: Weights) -> Float[Tensor, " batch"]:
    """Mean over an example's successive queries of ½ Σ_i |α_{t,i} - α_{t-1,i}|, the total variation between where they looked.

    0 where all look at one place, 1 where none looks where the one before did; NaN for fewer than two queries that looked.
    """
    weights = weights.detach().double()
    both = attending(weights)[:, 1:] & attending(weights)[:, :-1]
    moved = (weights[:, 1:] - weights[:, :-1]).abs().sum(dim=-1) / 2
    return moved.masked_fill(~both, 0.0).sum(dim=-1) / both.sum(dim=-1)


def dependence(
    totals: Float[Tensor, "query memory"], looked: Float[Tensor, " query"], entropies: Float[Tensor, " query"]
) -> float:
    """How much a map tells of its example: the Jensen-Shannon divergence of the examples' maps at the same query, in nats.

    Σ_t n_t [H(ᾱ_t) - mean_n H(α_{n,t})] / Σ_t n_t, from sums over the examples: of their weights, of how many looked (n_t), of
    their entropies. 0 where every example has the same map, so that it does not depend on the input; for one-hot maps the
    entropy of where examples look. Queries that fewer than two examples have do not count; NaN if none does.
    """
    counted = looked > 1
    if not bool(counted.any()):
        return float("nan")
    mean = totals[counted] / looked[counted].unsqueeze(-1)
    gained = looked[counted] * torch.special.entr(mean).sum(dim=-1) - entropies[counted]
    return max(0.0, (gained.sum() / looked[counted].sum()).item())


def mass_on_gold(weights: Weights, gold: Gold) -> PerQuery:
    """Σ_{i in gold} α_i: the share of attention that lies where it should."""
    return weights.detach().double().masked_fill(~gold, 0.0).sum(dim=-1)


def pointing_hit(weights: Weights, gold: Gold) -> PerQuery:
    """1 where the largest weight lies on gold, else 0 (the pointing game, Zhang et al. 2018).

    Where k positions share the largest weight it is the share of them on gold, what picking one at random hits in the mean;
    0 for a query that looked nowhere.
    """
    largest = weights == weights.amax(dim=-1, keepdim=True)
    return attending(weights) * (largest & gold).sum(dim=-1).double() / largest.sum(dim=-1).double()


def links(weights: Weights) -> Gold:
    """The predicted alignment: each query's largest weight (the first of equals), none for a query that looked nowhere."""
    chosen = torch.zeros_like(weights, dtype=torch.bool)
    chosen.scatter_(-1, weights.argmax(dim=-1, keepdim=True), True)
    return chosen & attending(weights).unsqueeze(-1)


def alignment_counts(weights: Weights, gold: Gold, possible: Gold | None = None) -> Float[Tensor, "batch 4"]:
    """Per example: predicted links A of all queries, sure gold links S, and of A those in S and those in P.

    P is S and the `possible` links; without them P = S.
    """
    predicted = links(weights)
    allowed = gold if possible is None else gold | possible
    return torch.stack(
        [x.sum(dim=(1, 2)).double() for x in (predicted, gold, predicted & gold, predicted & allowed)], dim=-1
    )


def alignment_error_rate(counts: Float[Tensor, "examples 4"]) -> float:
    """AER = 1 - (|A∩S| + |A∩P|) / (|A| + |S|) over a corpus. Och & Ney 2003, eq. 24."""
    predicted, sure, right, allowed = counts.sum(dim=0).tolist()
    return 1.0 - (right + allowed) / (predicted + sure) if predicted + sure else float("nan")


def alignment_precision_recall(counts: Float[Tensor, "examples 4"]) -> tuple[float, float]:
    """Precision |A∩P| / |A| and recall |A∩S| / |S| over a corpus. Och & Ney 2003, eq. 23."""
    predicted, sure, right, allowed = counts.sum(dim=0).tolist()
    return allowed / predicted if predicted else float("nan"), right / sure if sure else float("nan")
