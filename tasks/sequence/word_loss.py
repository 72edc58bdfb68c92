"""The loss of an output layer over words, whose scores for all words never stand whole."""

from collections.abc import Iterator
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

SCORES = 2**21  # of a piece: 8 MiB of float32


def word_loss(
    features: Float[Tensor, "row feature"],
    weight: Float[Tensor, "word feature"],
    bias: Float[Tensor, " word"],
    asked: Int[Tensor, " row"],
) -> Float[Tensor, " row"]:
    """-log softmax(W f + b)_asked of each row, in nats, in float32 or better.

    The same as a linear layer before `cross_entropy`, in pieces of `SCORES` scores: the backward pass computes each piece again,
    which works once (no second derivatives). Under autocast, products are in its type.
    """
    device = features.device.type
    kind = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else features.dtype
    return WordLoss.apply(features.to(kind), weight.to(kind), bias, asked)


def pieces(rows: int, words: int) -> Iterator[slice]:
    """Rows whose scores make up one piece."""
    height = max(1, SCORES // words)
    return (slice(start, start + height) for start in range(0, rows, height))


class WordLoss(torch.autograd.Function):
    """nll = logsumexp(s) - s_asked, ∂nll/∂s = softmax(s) - onehot(asked), s = W f + b."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, weight: Tensor, bias: Tensor, asked: Tensor) -> Tensor:
        """The nll of each row."""
        exact = torch.promote_types(features.dtype, torch.float32)
        totals = features.new_empty(len(features), dtype=exact)
        losses = torch.empty_like(totals)
        for piece in pieces(len(features), len(weight)):
            scores = scored(features[piece], weight, bias, exact)
            totals[piece] = scores.logsumexp(dim=1)
            losses[piece] = totals[piece] - scores.gather(1, asked[piece].unsqueeze(1)).squeeze(1)
        ctx.save_for_backward(features, weight, bias, asked, totals)
        return losses

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        """Gradients of features, weight and bias."""
        features, weight, bias, asked, totals = ctx.saved_tensors
        exact = totals.dtype
        to_features = torch.empty_like(features)
        to_weight, to_bias = torch.zeros_like(weight, dtype=exact), torch.zeros_like(bias, dtype=exact)
        for piece in pieces(len(features), len(weight)):
            scores = scored(features[piece], weight, bias, exact)
            slope = scores.sub_(totals[piece].unsqueeze(1)).exp_()
            slope.scatter_add_(1, asked[piece].unsqueeze(1), slope.new_full((len(slope), 1), -1.0))
            slope.mul_(grad[piece].unsqueeze(1))
            to_bias += slope.sum(dim=0)
            slope = slope.to(features.dtype)
            to_features[piece] = slope @ weight
            to_weight += slope.T @ features[piece]
        return to_features, to_weight.to(weight.dtype), to_bias.to(bias.dtype), None


def scored(features: Tensor, weight: Tensor, bias: Tensor, exact: torch.dtype) -> Tensor:
    """W f + b of some rows."""
    with torch.autocast(features.device.type, enabled=False):
        return (features @ weight.T).to(exact).add_(bias)
