"""Asking an attention on behalf of rows: sentences of one example, or hypotheses of one search, that share its memory."""

from jaxtyping import Float
from torch import Tensor

from attnbench.attention import Alignment, Attended, Attention, Memory


def asked(attention: Attention, query: Float[Tensor, "rows length query_dim"], memory: Memory) -> Attended:
    """What a stretch of queries in each row finds; rows of one example, one after the other, are queries of its memory."""
    rows, length, _ = query.shape
    attended: Attended = attention(query.reshape(memory.mask.shape[0], -1, query.shape[2]), memory)
    context = attended.context.reshape(rows, length, -1)
    parts = (None if part is None else part.reshape(rows, length, *part.shape[2:]) for part in attended.alignment)
    return Attended(context, Alignment._make(parts), attended.past)
