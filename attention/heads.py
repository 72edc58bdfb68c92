"""Heads in the batch: each example's stand one after the other, and what they return is put together again."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from attnbench.attention.core import Alignment, Attended, Memory, Past


def apart(projected: Float[Tensor, "batch length size"], heads: int) -> Float[Tensor, "batch heads length head"]:
    """The heads' shares of what was projected for all of them."""
    return projected.unflatten(-1, (heads, -1)).transpose(1, 2)


def folded(memory: Memory, heads: int) -> Memory:
    """The heads' memories, one after the other along the memory's axis, as so many examples."""
    keys, values = (part.unflatten(1, (heads, -1)).flatten(0, 1) for part in (memory.keys, memory.values))
    past = memory.past
    if past is not None:
        past = Past(past.asked.repeat_interleave(heads), past.last.flatten(0, 1), past.total.flatten(0, 1))
    return Memory(keys, values, memory.mask.repeat_interleave(heads, dim=0), past)


def memory_of(head: int, heads: int, memory: Memory) -> Memory:
    """One head's part of a folded memory."""
    keys, values, mask, past = memory
    own = None if past is None else Past._make(part[head::heads] for part in past)
    return Memory(keys[head::heads], values[head::heads], mask[head::heads], own)


def answer_of(head: int, heads: int, attended: Attended) -> Attended:
    """One head's part of what was found in a folded memory."""
    context, alignment, past = attended
    own = Alignment._make(None if part is None else part[head::heads] for part in alignment)
    return Attended(context[head::heads], own, None if past is None else Past._make(part[head::heads] for part in past))


def aligned(alignments: Sequence[Alignment]) -> Alignment:
    """Where all heads looked: the mean of weights and ends; the sum of log_prob and entropy, as heads draw independently."""
    weights, log_prob, entropy, ends = (
        None if parts[0] is None else torch.stack(parts) for parts in zip(*alignments, strict=True)
    )
    assert weights is not None
    return Alignment(
        weights.mean(dim=0),
        None if log_prob is None else log_prob.sum(dim=0),
        None if entropy is None else entropy.sum(dim=0),
        None if ends is None else ends.mean(dim=0),
    )


def remembered(attended: Sequence[Attended]) -> Past | None:
    """The heads' pasts in one; None where heads read none."""
    pasts = [one.past for one in attended if one.past is not None]
    if not pasts:
        return None
    last, total = (torch.stack(parts, dim=1) for parts in ([p.last for p in pasts], [p.total for p in pasts]))
    return Past(pasts[0].asked, last, total)
