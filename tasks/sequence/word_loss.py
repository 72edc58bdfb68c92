"""The loss of an output layer over words, whose scores for all words need not stand whole."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

SCORES = 2**22  # that stand at a time: 16 MiB of float32; of fewer, adding up the weights' slopes takes too long


class Losses(NamedTuple):
    """Of each row, in nats: `nll`, -log p_asked, and `spread`, the mean of -log p_v over all words v."""

    nll: Float[Tensor, " row"]
    spread: Float[Tensor, " row"]


def word_loss(
    features: Float[Tensor, "row feature"],
    weight: Float[Tensor, "word feature"],
    bias: Float[Tensor, " word"],
    asked: Int[Tensor, " row"],
    *,
    training: bool = True,
) -> Losses:
    """The losses of p = softmax(W f + b), in float32 or better.

    The same as a linear layer before `cross_entropy`. Of more than `SCORES` scores only so many stand at a time; there are no
    second derivatives then. In `training` slopes are computed beside the losses, otherwise where they are asked for. Under
    autocast, products are in its type.
    """
    if len(features) * len(weight) <= SCORES:
        return whole(features, weight, bias, asked)
    device = features.device.type
    kind = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else features.dtype
    return Losses(*InPieces.apply(features.to(kind), weight.to(kind), bias, asked, training))


def whole(features: Tensor, weight: Tensor, bias: Tensor, asked: Tensor) -> Losses:
    """The losses from scores that all stand at once."""
    scores = functional.linear(features, weight, bias)
    scores = scores.to(torch.promote_types(scores.dtype, torch.float32))
    nll = functional.cross_entropy(scores, asked, reduction="none")
    # What cross_entropy did not say is what it took from: log Σ exp s = nll + s_asked.
    mean = scores.gather(1, asked.unsqueeze(1)).squeeze(1) - scores.mean(dim=1)
    return Losses(nll, nll + mean)


class Slopes(NamedTuple):
    """∂ Σ_r w_r nll_r."""

    features: Float[Tensor, "row feature"]
    weight: Float[Tensor, "word feature"]
    bias: Float[Tensor, " word"]


class InPieces(torch.autograd.Function):
    """nll = -log p_asked, spread = -mean_v log p_v, p = softmax(W f + b).

    In training slopes are computed beside the losses, piece by piece, for rows that all weigh 1, as those of a likelihood do
    but for one factor; if the backward pass finds that rows weigh differently, they are computed again.
    """

    @staticmethod
    def forward(
        ctx: Any, features: Tensor, weight: Tensor, bias: Tensor, asked: Tensor, training: bool
    ) -> tuple[Tensor, Tensor]:
        """The losses of each row."""
        exact = torch.promote_types(features.dtype, torch.float32)
        nll, spread = torch.empty(2, len(features), dtype=exact, device=features.device)
        slopes = no_slopes(features, weight, exact) if training and any(ctx.needs_input_grad) else None
        for piece in pieces(len(features), len(weight)):
            scores = scored(features[piece], weight, bias).to(exact)
            own = asked[piece].unsqueeze(1)
            logs = torch.log_softmax(scores, dim=1)
            nll[piece] = -logs.gather(1, own).squeeze(1)
            spread[piece] = -logs.mean(dim=1)
            if slopes is not None:
                add_slopes(slopes, piece, logs.exp_(), own, features, weight)
        ctx.save_for_backward(features, weight, bias, asked, *(slopes or ()))
        return nll, spread

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, to_nll: Tensor, to_spread: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        """∂nll/∂s = p - onehot(asked); ∂spread/∂s = p - 1/words = ∂nll/∂s + onehot(asked) - 1/words."""
        features, weight, bias, asked, *found = ctx.saved_tensors
        weights = to_nll + to_spread
        alike = len(weights) > 0 and bool((weights == weights[0]).all())
        if found and alike:
            to_features, to_weight, to_bias = (slope * weights[0] for slope in found)
        else:
            to_features, to_weight, to_bias = weighted(weights, features, weight, bias, asked)
        if bool(to_spread.any()):
            evenly = to_spread.unsqueeze(1)
            spread_features = evenly * features
            to_features += evenly * (weight[asked] - weight.mean(dim=0, dtype=evenly.dtype))
            to_weight.index_add_(0, asked, spread_features).sub_(spread_features.sum(dim=0) / len(weight))
            to_bias.index_add_(0, asked, to_spread).sub_(to_spread.sum() / len(weight))
        return to_features.to(features.dtype), to_weight.to(weight.dtype), to_bias.to(bias.dtype), None, None


def no_slopes(features: Tensor, weight: Tensor, exact: torch.dtype) -> Slopes:
    """Slopes to which no piece was added yet."""
    nothing = torch.zeros_like(weight, dtype=exact)
    return Slopes(torch.empty_like(features), nothing, nothing.new_zeros(len(weight)))


def add_slopes(
    slopes: Slopes,
    piece: slice,
    shares: Tensor,
    own: Tensor,
    features: Tensor,
    weight: Tensor,
    weighing: Tensor | None = None,
) -> None:
    """Takes in a piece, whose likelihoods `shares` of all words it overwrites."""
    shares.scatter_add_(1, own, shares.new_full((), -1.0).expand(own.shape))
    if weighing is not None:
        shares.mul_(weighing)
    slopes.bias.add_(shares.sum(dim=0))
    shares = shares.to(features.dtype)
    slopes.features[piece] = shares @ weight
    slopes.weight.add_((shares.T @ features[piece]).to(slopes.weight.dtype))


def weighted(weights: Tensor, features: Tensor, weight: Tensor, bias: Tensor, asked: Tensor) -> Slopes:
    """The slopes of rows that weigh differently."""
    slopes = no_slopes(features, weight, weights.dtype)
    for piece in pieces(len(features), len(weight)):
        shares = torch.softmax(scored(features[piece], weight, bias).to(weights.dtype), dim=1)
        own = asked[piece].unsqueeze(1)
        add_slopes(slopes, piece, shares, own, features, weight, weights[piece].unsqueeze(1))
    return slopes


def pieces(rows: int, words: int) -> Iterator[slice]:
    """Rows whose scores make up one piece."""
    height = max(1, SCORES // words)
    return (slice(start, start + height) for start in range(0, rows, height))


def scored(features: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """W f + b of some rows, in the type of the features."""
    with torch.autocast(features.device.type, enabled=False):
        return functional.linear(features, weight, bias.to(features.dtype))
