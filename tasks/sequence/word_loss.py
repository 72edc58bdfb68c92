"""The loss of an output layer over words, whose scores for all words need not stand whole."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

SCORES = 2**23  # whose slopes stand at a time: 16 MiB of bfloat16; of fewer, adding up the weights' takes too long
CACHED = 2**20  # scores that a processor works on at a time, to find them in its cache again


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

    The same as a linear layer before `cross_entropy`. Of more than `CACHED` scores only so many stand at a time, and of their
    slopes `SCORES`; there are no second derivatives then. In `training` slopes are computed beside the losses, otherwise where
    they are asked for. Under autocast, products are in its type.
    """
    if len(features) * len(weight) <= CACHED:
        return whole(features, weight, bias, asked)
    device = features.device.type
    kind = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else features.dtype
    return Losses(*InPieces.apply(features.to(kind), weight, bias, asked, training))


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
    """nll = -log p_asked, spread = -mean_v log p_v, p = softmax(W f + b); products are in the type of f.

    In training slopes are computed beside the losses, piece by piece, for rows that all weigh 1, as those of a likelihood do
    but for one factor; if the backward pass finds that rows weigh differently, they are computed again.
    """

    @staticmethod
    def forward(
        ctx: Any, features: Tensor, weight: Tensor, bias: Tensor, asked: Tensor, training: bool
    ) -> tuple[Tensor, Tensor]:
        """The losses of each row."""
        sloped = training and any(ctx.needs_input_grad)
        nll, spread, slopes = passed(features, weight, bias, asked, sloped=sloped)
        ctx.save_for_backward(features, weight, bias, asked)
        ctx.found = slopes
        return nll, spread

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, to_nll: Tensor, to_spread: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        """∂nll/∂s = p - onehot(asked); ∂spread/∂s = p - 1/words = ∂nll/∂s + onehot(asked) - 1/words."""
        features, weight, bias, asked = ctx.saved_tensors
        weights = to_nll + to_spread
        slopes, ctx.found = ctx.found, None  # a second backward pass finds them overwritten
        if slopes is not None and len(weights) and bool((weights == weights[0]).all()):
            for slope in slopes:
                slope.mul_(weights[0])
        else:
            slopes = passed(features, weight, bias, asked, sloped=True, weights=weights)[2]
        to_features, to_weight, to_bias = slopes
        if bool(to_spread.any()):
            evenly = to_spread.unsqueeze(1)
            spread_features = evenly * features
            to_features += evenly * (weight[asked] - weight.mean(dim=0, dtype=evenly.dtype))
            to_weight.index_add_(0, asked, spread_features).sub_(spread_features.sum(dim=0) / len(weight))
            to_bias.index_add_(0, asked, to_spread).sub_(to_spread.sum() / len(weight))
        return to_features.to(features.dtype), to_weight.to(weight.dtype), to_bias.to(bias.dtype), None, None


def passed(
    features: Tensor, weight: Tensor, bias: Tensor, asked: Tensor, *, sloped: bool, weights: Tensor | None = None
) -> tuple[Tensor, Tensor, Slopes | None]:
    """nll, spread and, if they are wanted, slopes: of all rows, which weigh 1 or as they are told to."""
    exact = torch.promote_types(features.dtype, torch.float32)
    products = weight.to(features.dtype)
    nll, spread = torch.empty(2, len(features), dtype=exact, device=features.device)
    slopes = no_slopes(features, weight, exact) if sloped else None
    cached = SCORES if features.is_cuda else CACHED
    for piece in pieces(len(features), SCORES // len(weight)):
        read = features[piece]
        shares = read.new_empty(len(read), len(weight)) if sloped else None
        for part in pieces(len(read), cached // len(weight)):
            rows = slice(piece.start + part.start, piece.start + part.stop)
            own = asked[rows].unsqueeze(1)
            scores = scored(features[rows], products, bias, exact)
            scores.sub_(scores.amax(dim=1, keepdim=True))
            said, mean = scores.gather(1, own), scores.mean(dim=1, keepdim=True)
            total = scores.exp_().sum(dim=1, keepdim=True)
            nll[rows], spread[rows] = (total.log() - said).squeeze(1), (total.log() - mean).squeeze(1)
            if shares is not None and slopes is not None:
                scores.div_(total).scatter_add_(1, own, total.new_full((), -1.0).expand(own.shape))
                if weights is not None:
                    scores.mul_(weights[rows].unsqueeze(1))
                slopes.bias.add_(scores.sum(dim=0))
                shares[part] = scores
        if shares is not None and slopes is not None:
            slopes.features[piece] = shares @ products
            slopes.weight.add_(shares.T @ read)
    return nll, spread, slopes


def no_slopes(features: Tensor, weight: Tensor, exact: torch.dtype) -> Slopes:
    """Slopes to which no piece was added yet."""
    nothing = torch.zeros_like(weight, dtype=exact)
    return Slopes(torch.empty_like(features), nothing, nothing.new_zeros(len(weight)))


def pieces(rows: int, height: int) -> Iterator[slice]:
    """All rows in pieces of so many, and of one at least."""
    height = max(1, height)
    return (slice(start, min(start + height, rows)) for start in range(0, rows, height))


def scored(features: Tensor, weight: Tensor, bias: Tensor, exact: torch.dtype) -> Tensor:
    """W f + b of some rows, from products in the type of the features."""
    with torch.autocast(features.device.type, enabled=False):
        return functional.linear(features, weight).to(exact).add_(bias)
