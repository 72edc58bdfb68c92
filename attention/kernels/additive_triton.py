"""Additive scores as Triton kernels: tanh is computed again in the backward pass, and nothing is summed by atomics."""

from typing import Any, no_type_check

import torch
import triton
import triton.language as tl
from jaxtyping import Bool, Float
from torch import Tensor
from torch.autograd.function import once_differentiable

TILE = 32  # queries, positions or keys of a program, at most
WIDTH = 64  # hidden numbers of a program of the backward pass, at most


@triton.jit
@no_type_check
def forward_kernel(
    query,
    key,
    energy,
    mask,
    scores,
    queries,
    memory,
    hidden,
    mask_batch,
    mask_query,
    rows: tl.constexpr,
    columns: tl.constexpr,
):
    """One tile of scores; query and key come with hidden before query and memory, so that a tile reads whole lines."""
    down, across = tl.cdiv(queries, rows), tl.cdiv(memory, columns)
    program = tl.program_id(0).to(tl.int64)
    example = program // (down * across)
    q = program // across % down * rows + tl.arange(0, rows)
    m = program % across * columns + tl.arange(0, columns)
    inside = (q < queries)[:, None] & (m < memory)[None, :]
    places = example * mask_batch + q[:, None] * mask_query + m[None, :]
    seen = tl.load(mask + places, mask=inside, other=0).to(tl.int32)
    total = tl.zeros([rows, columns], dtype=tl.float32)
    if tl.max(tl.max(seen, 1), 0) > 0:
        for h in range(hidden):
            line = example * hidden + h
            left = tl.load(query + line * queries + q, mask=q < queries, other=0.0).to(tl.float32)
            right = tl.load(key + line * memory + m, mask=m < memory, other=0.0).to(tl.float32)
            weight = tl.load(energy + h).to(tl.float32)
            total += weight * (2 * tl.sigmoid(2 * (left[:, None] + right[None, :])) - 1)
    out = (example * queries + q)[:, None] * memory + m[None, :]
    tl.store(scores + out, tl.where(seen > 0, total, 0.0), mask=inside)


@triton.jit
@no_type_check
def gradient_kernel(
    own,
    other,
    energy,
    grad,
    mask,
    to_own,
    to_energy,
    own_size,
    other_size,
    hidden,
    grad_batch,
    grad_own,
    grad_other,
    mask_batch,
    mask_own,
    mask_other,
    with_energy: tl.constexpr,
    rows: tl.constexpr,
    columns: tl.constexpr,
    step: tl.constexpr,
):
    """v Σ_other g (1 - tanh²) for one tile of own × hidden, and with `with_energy` the tile's part of Σ g tanh.

    Queries and keys differ in nothing here but which of them is `own` and how g and the mask are stridden.
    """
    down, across = tl.cdiv(own_size, rows), tl.cdiv(hidden, columns)
    program = tl.program_id(0).to(tl.int64)
    example = program // (down * across)
    row = program // across % down
    o = row * rows + tl.arange(0, rows)
    h = program % across * columns + tl.arange(0, columns)
    inside = (o < own_size)[:, None] & (h < hidden)[None, :]
    places = (example * own_size + o)[:, None] * hidden + h[None, :]
    left = tl.load(own + places, mask=inside, other=0.0).to(tl.float32)
    total = tl.zeros([rows, columns], dtype=tl.float32)
    weighted = tl.zeros([rows, columns], dtype=tl.float32)
    for start in range(0, other_size, step):
        n = start + tl.arange(0, step)
        looked = example * mask_batch + o[:, None] * mask_own + n[None, :] * mask_other
        seen = tl.load(mask + looked, mask=(o < own_size)[:, None] & (n < other_size)[None, :], other=0).to(tl.int32)
        if tl.max(tl.max(seen, 1), 0) > 0:
            for place in range(start, tl.minimum(start + step, other_size)):
                right = tl.load(other + (example * other_size + place) * hidden + h, mask=h < hidden, other=0.0).to(
                    tl.float32
                )
                g = tl.load(
                    grad + example * grad_batch + o * grad_own + place * grad_other, mask=o < own_size, other=0.0
                )
                tanh = 2 * tl.sigmoid(2 * (left + right[None, :])) - 1
                total += g[:, None] * (1 - tanh * tanh)
                if with_energy:
                    weighted += g[:, None] * tanh
    factor = tl.load(energy + h, mask=h < hidden, other=0.0).to(tl.float32)
    tl.store(to_own + places, total * factor[None, :], mask=inside)
    if with_energy:
        tl.store(to_energy + (example * down + row) * hidden + h, tl.sum(weighted, 0), mask=h < hidden)


def tile(size: int, most: int = TILE) -> int:
    """The power of two that a program takes of an axis."""
    return min(most, triton.next_power_of_2(max(1, size)))


def scores_by_tiles(
    query: Float[Tensor, "batch query hidden"],
    key: Float[Tensor, "batch memory hidden"],
    energy: Float[Tensor, " hidden"],
    mask: Bool[Tensor, "batch query memory"],
) -> Float[Tensor, "batch query memory"]:
    """Σ_h v_h tanh(q_h + k_h); 0 where the mask is False. Sums are float32."""
    (batch, queries, hidden), memory = query.shape, key.shape[1]
    scores = query.new_empty(batch, queries, memory, dtype=torch.promote_types(query.dtype, key.dtype))
    rows, columns = tile(queries), tile(memory)
    across = query.transpose(1, 2).contiguous(), key.transpose(1, 2).contiguous(), energy.contiguous()
    with torch.cuda.device_of(query):
        forward_kernel[(batch * triton.cdiv(queries, rows) * triton.cdiv(memory, columns),)](
            *across,
            mask.view(torch.uint8),
            scores,
            queries,
            memory,
            hidden,
            *mask.stride()[:2],
            rows=rows,
            columns=columns,
        )
    return scores


def gradient_by_tiles(
    own: Float[Tensor, "batch own hidden"],
    other: Float[Tensor, "batch other hidden"],
    energy: Float[Tensor, " hidden"],
    grad: Float[Tensor, "batch own other"],
    mask: Bool[Tensor, "batch own other"],
    *,
    with_energy: bool,
) -> tuple[Float[Tensor, "batch own hidden"], Float[Tensor, " hidden"]]:
    """The gradient of `own`, and that of the energies if asked for (else zeros)."""
    (batch, size, hidden), steps = own.shape, other.shape[1]
    rows, columns = tile(size), tile(hidden, WIDTH)
    down = triton.cdiv(size, rows)
    to_own = torch.empty_like(own, memory_format=torch.contiguous_format)
    parts = energy.new_zeros(batch * down if with_energy else 1, hidden, dtype=torch.float32)
    with torch.cuda.device_of(own):
        gradient_kernel[(batch * down * triton.cdiv(hidden, columns),)](
            own.contiguous(),
            other.contiguous(),
            energy.contiguous(),
            grad,
            mask.view(torch.uint8),
            to_own,
            parts,
            size,
            steps,
            hidden,
            *grad.stride(),
            *mask.stride(),
            with_energy=with_energy,
            rows=rows,
            columns=columns,
            step=TILE,
        )
    return to_own, parts.sum(dim=0)


class ByTiles(torch.autograd.Function):
    """e = Σ_h v_h tanh(q_h + k_h) on a CUDA device, with tanh x = 2σ(2x) - 1."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, energy: Tensor, mask: Tensor) -> Tensor:
        """Scores; 0 where the mask is False."""
        ctx.save_for_backward(query, key, energy, mask)
        return scores_by_tiles(query, key, energy, mask.expand(-1, query.shape[1], -1))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None, None]:
        """Gradients of query, key and energy, each in the kind of what it belongs to."""
        query, key, energy, mask = ctx.saved_tensors
        mask = mask.expand(-1, query.shape[1], -1)
        grad = grad.float().masked_fill(~mask, 0.0)
        needed = ctx.needs_input_grad
        to_query = to_energy = to_key = None
        if needed[0] or needed[2]:
            to_query, to_energy = gradient_by_tiles(query, key, energy, grad, mask, with_energy=needed[2])
            to_energy = to_energy.to(energy.dtype)
        if needed[1]:
            to_key, _ = gradient_by_tiles(key, query, energy, grad.mT, mask.mT, with_energy=False)
        return to_query, to_key, to_energy, None
