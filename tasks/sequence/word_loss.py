"""The loss of an output layer over words, whose scores for all words need not stand whole."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

SCORES = 2**23  # that stand at a time: 32 MiB of float32; pieces save memory, and cost one product more


class Losses(NamedTuple):
    """Of each row, in nats: `nll`, -log p_asked, and `spread`, the mean of -log p_v over all words v."""

    nll: Float[Tensor, " row"]
    spread: Float[Tensor, " row"]


def word_loss(
    features: Float[Tensor, "row feature"],
    weight: Float[Tensor, "word feature"],
    bias: Float[Tensor, " word"],
    asked: Int[Tensor, " row"],
) -> Losses:
    """The losses of p = softmax(W f + b), in float32 or better.

    The same as a linear layer before `cross_entropy`. Of more than `SCORES` scores only so many stand at a time: the backward
    pass computes them again, which works once (no second derivatives). Under autocast, products are in its type.
    """
    if len(features) * len(weight) <= SCORES:
        return whole(features, weight, bias, asked)
    device = features.device.type
    kind = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else features.dtype
    return Losses(*InPieces.apply(features.to(kind), weight.to(kind), bias, asked))


def whole(features: Tensor, weight: Tensor, bias: Tensor, asked: Tensor) -> Losses:
    """The losses from scores that all stand at once."""
    scores = functional.linear(features, weight, bias)
    scores = scores.to(torch.promote_types(scores.dtype, torch.float32))
    nll = functional.cross_entropy(scores, asked, reduction="none")
    # What cross_entropy did not say is what it took from: log Σ exp s = nll + s_asked.
    mean = scores.gather(1, asked.unsqueeze(1)).squeeze(1) - scores.mean(dim=1)
    return Losses(nll, nll + mean)


class InPieces(torch.autograd.Function):
    """nll = -log p_asked, spread = -mean_v log p_v, p = softmax(W f + b)."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, weight: Tensor, bias: Tensor, asked: Tensor) -> tuple[Tensor, Tensor]:
        """The losses of each row."""
        exact = torch.promote_types(features.dtype, torch.float32)
        nll, spread = features.new_empty(2, len(features), dtype=exact)
        for piece in pieces(len(features), len(weight)):
            logs = torch.log_softmax(scored(features[piece], weight, bias), dim=1, dtype=exact)
            nll[piece] = -logs.gather(1, asked[piece].unsqueeze(1)).squeeze(1)
            spread[piece] = -logs.mean(dim=1)
        ctx.save_for_backward(features, weight, bias, asked)
        return nll, spread

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, to_nll: Tensor, to_spread: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        """∂nll/∂s = p - onehot(asked); ∂spread/∂s = p - 1/words."""
        features, weight, bias, asked = ctx.saved_tensors
        exact = to_nll.dtype
        to_features = torch.empty_like(features)
        to_weight, to_bias = torch.zeros_like(weight, dtype=exact), torch.zeros_like(bias, dtype=exact)
        for piece in pieces(len(features), len(weight)):
            slope = torch.softmax(scored(features[piece], weight, bias), dim=1, dtype=exact)
            own, evenly = to_nll[piece].unsqueeze(1), to_spread[piece].unsqueeze(1)
            slope.mul_(own + evenly).sub_(evenly / len(weight)).scatter_add_(1, asked[piece].unsqueeze(1), -own)
            to_bias += slope.sum(dim=0)
            slope = slope.to(features.dtype)
            to_features[piece] = slope @ weight
            to_weight += slope.T @ features[piece]
        return to_features, to_weight.to(weight.dtype), to_bias.to(bias.dtype), None


def pieces(rows: int, words: int) -> Iterator[slice]:
    """Rows whose scores make up one piece."""
    height = max(1, SCORES // words)
    return (slice(start, start + height) for start in range(0, rows, height))


def scored(features: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """W f + b of some rows, in the type of the features."""
    with torch.autocast(features.device.type, enabled=False):
        return functional.linear(features, weight, bias.to(features.dtype))
