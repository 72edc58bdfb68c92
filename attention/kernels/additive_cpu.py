"""Additive scores in pieces that fit the processor's cache; the backward pass computes every piece again."""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.autograd.function import once_differentiable

PIECE = 2**17  # numbers of a piece for each thread: 512 KiB of float32, half of a usual second-level cache
THREADS = 8  # more threads than these share the pieces of so many
ROWS = 8  # queries of a piece, where there are as many: the sum over queries is then a matrix product worth its name
REUSE = 4  # from so many queries on, a power a key is cheaper than a sigmoid a pair, and one product than several sums


class Size(NamedTuple):
    """How far a piece reaches along each axis; several examples share one only where they fit in whole."""

    examples: int
    queries: int
    positions: int

    @staticmethod
    def of(queries: int, positions: int, hidden: int) -> "Size":
        """What fits, for so many queries and positions of one example."""
        room = max(1, PIECE * min(torch.get_num_threads(), THREADS) // hidden)
        width = max(1, min(positions, room // max(1, min(queries, ROWS))))
        height = max(1, min(queries, room // width))
        whole = height >= queries and width >= positions
        return Size(max(1, round(room / (height * width))) if whole else 1, height, width)


def pieces(
    mask: Bool[Tensor, "batch rows memory"], queries: int, size: Size
) -> Iterator[tuple[slice, list[tuple[slice, slice]]]]:
    """Groups of examples, and the queries and positions of the group's pieces: no further than these may look."""
    batch, rows, memory = mask.shape
    bounds = None if bool(mask.all()) else spans(mask)
    for start in range(0, batch, size.examples):
        group, windows = slice(start, min(start + size.examples, batch)), []
        for top in range(0, queries, size.queries):
            asked = slice(top, min(top + size.queries, queries))
            first, end = 0, memory
            if bounds is not None:
                row = asked if rows > 1 else slice(0, 1)
                first = min(min(line[row]) for line in bounds[0][group])
                end = max(max(line[row]) for line in bounds[1][group])
            windows += [
                (asked, slice(left, min(left + size.positions, end))) for left in range(first, end, size.positions)
            ]
        yield group, windows


def spans(mask: Bool[Tensor, "batch rows memory"]) -> tuple[list[list[int]], list[list[int]]]:
    """The first position that each row may look at, and the one behind its last; memory and 0 where it has none."""
    memory, seen, number = mask.shape[2], mask.any(dim=2), mask.view(torch.uint8)
    first = number.argmax(dim=2).masked_fill_(~seen, memory)
    end = (memory - number.flip(2).argmax(dim=2)).masked_fill_(~seen, 0)
    return first.tolist(), end.tolist()


def powers_help(query: Float[Tensor, "batch query hidden"], key: Float[Tensor, "batch memory hidden"]) -> bool:
    """Whether exp 2q and exp 2k are used often enough to be worth it, and are normal numbers."""
    if query.shape[1] < REUSE or not query.numel() or not key.numel():
        return False
    bound = -math.log(torch.finfo(precision(query, key)).tiny) / 2
    return all(-bound < float(extreme) < bound for side in (query, key) for extreme in side.aminmax())


class Sides(NamedTuple):
    """What r = 1 / (1 + exp 2(q + k)) of all pairs of a group is made from: exp 2q and exp 2k, else -2q and k."""

    query: Float[Tensor, "query examples 1 hidden"]
    key: Float[Tensor, "examples memory hidden"]
    powers: bool

    @staticmethod
    def of(
        query: Float[Tensor, "examples query hidden"], key: Float[Tensor, "examples memory hidden"], powers: bool
    ) -> "Sides":
        """The sides, computed in `precision`."""
        exact = precision(query, key)
        rows = query.to(exact).transpose(0, 1).unsqueeze(2)
        if powers:
            return Sides((2 * rows).exp_(), (2 * key.to(exact)).exp_(), True)
        return Sides(-2 * rows, key.to(exact), False)

    def reciprocals(
        self, asked: slice, positions: slice, space: Float[Tensor, " numbers"]
    ) -> Float[Tensor, "rows examples positions hidden"]:
        """r of one piece, written into `space`."""
        query, key = self.query[asked], self.key[:, positions]
        shape = (len(query), *key.shape)
        out = space[: math.prod(shape)].view(shape)
        if self.powers:
            return torch.addcmul(space.new_ones(()), query, key, out=out).reciprocal_()
        return torch.sub(query, key, alpha=2, out=out).sigmoid_()


def precision(query: Tensor, key: Tensor) -> torch.dtype:
    """What pieces are computed in: float32, or float64 if either is."""
    return torch.promote_types(torch.promote_types(query.dtype, key.dtype), torch.float32)


def scores_in_pieces(
    query: Float[Tensor, "batch query hidden"],
    key: Float[Tensor, "batch memory hidden"],
    energy: Float[Tensor, " hidden"],
    mask: Bool[Tensor, "batch #query memory"],
) -> Float[Tensor, "batch query memory"]:
    """Σ_h v_h - 2 Σ_h v_h r_h; 0 where the mask is False."""
    exact = precision(query, key)
    scores = query.new_zeros(*query.shape[:2], key.shape[1], dtype=torch.promote_types(query.dtype, key.dtype))
    size, powers = Size.of(query.shape[1], key.shape[1], len(energy)), powers_help(query, key)
    space = query.new_empty(math.prod(size) * len(energy), dtype=exact)
    weights, offset = -2 * energy.to(exact), energy.to(exact).sum()
    for group, windows in pieces(mask, query.shape[1], size):
        sides = Sides.of(query[group], key[group], powers)
        for asked, positions in windows:
            r = sides.reciprocals(asked, positions, space)
            part = torch.mv(r.flatten(0, 2), weights).view(r.shape[:3]).transpose(0, 1)
            torch.add(part, offset, out=scores[group, asked, positions])
    return scores.masked_fill_(~mask, 0.0)


class Gradients(NamedTuple):
    """Sums over the pieces of a group: Σ_m g s and Σ_q g s with s = r - r², and Σ_qm g r, which lacks its factors."""

    query: Float[Tensor, "examples query hidden"]
    key: Float[Tensor, "examples memory hidden"]
    energy: Float[Tensor, "1 hidden"]

    def add(
        self,
        grad: Float[Tensor, "examples query memory"],
        r: Float[Tensor, "rows examples positions hidden"],
        asked: slice,
        positions: slice,
    ) -> None:
        """Adds one piece; `r` is used up."""
        rows, examples, width, hidden = r.shape
        g = grad[:, asked, positions]
        by_query = g.transpose(0, 1).reshape(rows * examples, 1, width).contiguous()
        flat = r.view(rows * examples, width, hidden)
        self.energy.add_(torch.bmm(by_query, flat).sum(dim=0))
        torch.addcmul(flat, flat, flat, value=-1, out=flat)
        self.query[:, asked].add_(torch.bmm(by_query, flat).view(rows, examples, hidden).transpose(0, 1))
        if rows < REUSE:
            for row in range(rows):
                self.key[:, positions].addcmul_(g[:, row].unsqueeze(2), r[row])
        else:
            by_position = g.permute(0, 2, 1).reshape(examples * width, 1, rows).contiguous()
            part = torch.bmm(by_position, r.view(rows, examples * width, hidden).transpose(0, 1))
            self.key[:, positions].add_(part.view(examples, width, hidden))


def gradients_in_pieces(
    grad: Float[Tensor, "batch query memory"],
    query: Float[Tensor, "batch query hidden"],
    key: Float[Tensor, "batch memory hidden"],
    energy: Float[Tensor, " hidden"],
    mask: Bool[Tensor, "batch #query memory"],
) -> Gradients:
    """dq = 4v Σ_m g (r - r²), dk = 4v Σ_q g (r - r²), dv = Σ_qm g (1 - 2r), of the kinds of what they belong to."""
    exact = precision(query, key)
    to_query, to_key = torch.empty_like(query), torch.empty_like(key)
    to_energy = energy.new_zeros(1, len(energy), dtype=exact)
    size, powers = Size.of(query.shape[1], key.shape[1], len(energy)), powers_help(query, key)
    space = query.new_empty(math.prod(size) * len(energy), dtype=exact)
    factor, total = 4 * energy.to(exact), space.new_zeros(())
    for group, windows in pieces(mask, query.shape[1], size):
        sides = Sides.of(query[group], key[group], powers)
        g = grad[group].to(exact).masked_fill(~mask[group], 0.0)
        total += g.sum()
        sums = Gradients(torch.zeros_like(query[group], dtype=exact), torch.zeros_like(sides.key), to_energy)
        for asked, positions in windows:
            sums.add(g, sides.reciprocals(asked, positions, space), asked, positions)
        torch.mul(sums.query, factor, out=to_query[group])
        torch.mul(sums.key, factor, out=to_key[group])
    return Gradients(to_query, to_key, (total - 2 * to_energy).to(energy.dtype))


class InPieces(torch.autograd.Function):
    """e = Σ_h v_h tanh(q_h + k_h) by tanh(x) = 1 - 2r, tanh'(x) = 4(r - r²), r = 1 / (1 + exp 2q · exp 2k)."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, energy: Tensor, mask: Tensor) -> Tensor:
        """Scores; 0 where the mask is False."""
        ctx.save_for_backward(query, key, energy, mask)
        with torch.autocast(query.device.type, enabled=False):
            return scores_in_pieces(query, key, energy, mask)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        """Gradients of query, key and energy."""
        with torch.autocast(grad.device.type, enabled=False):
            found = gradients_in_pieces(grad, *ctx.saved_tensors)
        return found.query, found.key, found.energy.squeeze(0), None
