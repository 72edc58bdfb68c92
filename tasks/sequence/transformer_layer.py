"""One layer of a Transformer's decoder: attends to the words so far by itself, and to what is read by any attention."""

from typing import Literal, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from attnbench.attention import Alignment, Attended, AttentionFactory, Memory, Past
from attnbench.attention.multi_head import projection

Norm = Literal["pre", "post"]


class Before(NamedTuple):
    """What one layer keeps of the words before: keys and values of its self-attention, and the past of its attention."""

    keys: Float[Tensor, "rows heads said head"]
    values: Float[Tensor, "rows heads said head"]
    past: Past | None = None

    def select(self, rows: Int[Tensor, " rows"]) -> "Before":
        """That of the given rows, in that order."""
        return Before(self.keys[rows], self.values[rows], None if self.past is None else self.past.select(rows))


class SelfAttention(nn.Module):
    """Heads of scaled dot products over the words so far. Vaswani et al. 2017, eq. 1 and §3.2.2-3.2.3."""

    def __init__(self, size: int, heads: int) -> None:
        super().__init__()
        self.size, self.heads = size, heads
        self.query, self.key, self.value, self.output = (projection(size, size) for _ in range(4))

    def nothing(self, rows: int, like: Tensor) -> Before:
        """What is kept before the first word."""
        empty = like.new_zeros(rows, self.heads, 0, self.size // self.heads)
        return Before(empty, empty)

    def forward(
        self, words: Float[Tensor, "rows length hidden"], before: Before
    ) -> tuple[Float[Tensor, "rows length hidden"], Before]:
        """Each word looks at itself and all before it: a first stretch of any length, or one word after others."""
        query, key, value = (
            made(words).unflatten(-1, (self.heads, -1)).transpose(1, 2) for made in (self.query, self.key, self.value)
        )
        keys = torch.cat([before.keys.to(key.dtype), key], dim=2)
        values = torch.cat([before.values.to(value.dtype), value], dim=2)
        found = functional.scaled_dot_product_attention(query, keys, values, is_causal=words.shape[1] > 1)
        return self.output(found.transpose(1, 2).flatten(2)), before._replace(keys=keys, values=values)


class Layer(nn.Module):
    """Self-attention, attention to the memory, FFN(x) = W_2 relu(W_1 x + b_1) + b_2. Vaswani et al. 2017, §3.1 and eq. 2.

    Each part f is a residual: x + dropout(f(LN(x))) with `pre` (Xiong et al. 2020), LN(x + dropout(f(x))) with `post`, as in
    the paper. A context that is not of the layer's size is mapped to it.
    """

    def __init__(
        self,
        attention: AttentionFactory,
        *,
        memory_dim: int,
        hidden_dim: int,
        heads: int,
        feed_forward_dim: int,
        dropout: float,
        norm: Norm,
    ) -> None:
        super().__init__()
        self.pre = norm == "pre"
        self.self_attention = SelfAttention(hidden_dim, heads)
        self.attention = attention(hidden_dim, memory_dim)
        self.map = None if memory_dim == hidden_dim else projection(memory_dim, hidden_dim)
        inner, outer = projection(hidden_dim, feed_forward_dim), projection(feed_forward_dim, hidden_dim)
        self.feed_forward = nn.Sequential(inner, nn.ReLU(), nn.Dropout(dropout), outer)
        self.norms = nn.ModuleList(nn.LayerNorm(hidden_dim) for _ in range(3))
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, words: Float[Tensor, "rows length hidden"], before: Before, memory: Memory
    ) -> tuple[Float[Tensor, "rows length hidden"], Alignment, Before]:
        """A stretch of words in the light of those before and of the memory, and where they looked in it."""
        found, after = self.self_attention(self.inward(0, words), before)
        words = self.outward(0, words, found)
        context, alignment, past = self.look(self.inward(1, words), memory._replace(past=before.past))
        words = self.outward(1, words, context if self.map is None else self.map(context))
        words = self.outward(2, words, self.feed_forward(self.inward(2, words)))
        return words, alignment, after._replace(past=past)

    def inward(self, part: int, words: Float[Tensor, "rows length hidden"]) -> Float[Tensor, "rows length hidden"]:
        """What a part is given."""
        return self.norms[part](words) if self.pre else words

    def outward(
        self, part: int, words: Float[Tensor, "rows length hidden"], found: Float[Tensor, "rows length hidden"]
    ) -> Float[Tensor, "rows length hidden"]:
        """The words with what a part found added."""
        added = words + self.dropout(found)
        return added if self.pre else self.norms[part](added)

    def look(self, query: Float[Tensor, "rows length hidden"], memory: Memory) -> Attended:
        """What the queries find; rows of one example are queries of its one memory."""
        rows, length, _ = query.shape
        attended: Attended = self.attention(query.reshape(memory.mask.shape[0], -1, query.shape[2]), memory)
        context = attended.context.reshape(rows, length, -1)
        parts = (None if part is None else part.reshape(rows, length, *part.shape[2:]) for part in attended.alignment)
        return Attended(context, Alignment._make(parts), attended.past)
