"""Additive scores from projected queries and keys: the plain form, and the choice between it and the lean ones."""

from functools import cache
from importlib.util import find_spec
from typing import Literal, get_args

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from attnbench.attention.kernels.tanh import tanh

Kernel = Literal["auto", "plain", "lean"]

LEARNING = 2**20  # pairs × hidden from which on the lean form is the faster one, forward and backward
LOOKING = 2**17  # and from which on it is where nothing is differentiated
NARROW = 32  # hidden sizes below leave matrix products too small to be worth calling
TRITON_TYPES = (torch.float32, torch.bfloat16, torch.float16)


def additive_scores(
    query: Float[Tensor, "batch query hidden"],
    key: Float[Tensor, "batch memory hidden"],
    energy: Float[Tensor, " hidden"],
    mask: Bool[Tensor, "batch #query memory"],
    kernel: Kernel = "auto",
) -> Float[Tensor, "batch query memory"]:
    """e = Σ_h v_h tanh(q_h + k_h) for every query and position that may be looked at; any finite number elsewhere.

    `plain` holds batch × query × memory × hidden numbers, several times over for the backward pass. `lean` never does:
    it works in pieces (on CUDA devices by Triton kernels, for all but float64), skips what no query of a piece may look
    at, sums in float32 or better, and computes every piece again in the backward pass, which works once (no second
    derivatives, no `torch.func`).

    `auto` is `lean` for a hidden size from 32 and from 2²⁰ pairs × hidden on (4 MiB of float32), or from 2¹⁷ where nothing
    is differentiated: below, the plain form's tensors stay in the cache, and calling many small operations costs the lean
    form what it saves, sooner in the backward pass, which has more of them. It is `plain` on devices that neither lean
    form was written for.
    """
    if kernel == "plain" or (kernel == "auto" and not worth_it(query, key)):
        return plain_additive_scores(query, key, energy)
    if query.device.type == "cuda" and has_triton() and all(x.dtype in TRITON_TYPES for x in (query, key, energy)):
        from attnbench.attention.kernels.additive_triton import ByTiles

        return ByTiles.apply(query, key, energy, mask)
    from attnbench.attention.kernels.additive_cpu import InPieces

    return InPieces.apply(query, key, energy, mask)


def check_options(hidden_dim: int, kernel: Kernel) -> None:
    """Raises ValueError for what no additive score can be built with."""
    if hidden_dim < 1:
        raise ValueError(f"hidden_dim={hidden_dim}: must be at least 1")
    if kernel not in get_args(Kernel):
        raise ValueError(f"kernel={kernel}: must be one of {', '.join(get_args(Kernel))}")


def plain_additive_scores(
    query: Float[Tensor, "batch query hidden"],
    key: Float[Tensor, "batch memory hidden"],
    energy: Float[Tensor, " hidden"],
) -> Float[Tensor, "batch query memory"]:
    """The formula as it stands: what the lean forms are checked against."""
    hidden = tanh(query.unsqueeze(2) + key.unsqueeze(1))
    return functional.linear(hidden, energy.unsqueeze(0)).squeeze(-1)


def worth_it(query: Float[Tensor, "batch query hidden"], key: Float[Tensor, "batch memory hidden"]) -> bool:
    """Whether the lean form is expected to be no slower than the plain one."""
    batch, queries, hidden = query.shape
    written_for = query.device.type == "cpu" or (query.device.type == "cuda" and has_triton())
    learning = torch.is_grad_enabled() and (query.requires_grad or key.requires_grad)
    large = batch * queries * key.shape[1] * hidden >= (LEARNING if learning else LOOKING)
    return written_for and hidden >= NARROW and large


@cache
def has_triton() -> bool:
    """Whether Triton is installed; it comes with PyTorch where PyTorch was built for CUDA on Linux."""
    return find_spec("triton") is not None
