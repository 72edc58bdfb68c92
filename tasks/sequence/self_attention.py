"""Self-attention: the words of a sentence look at each other, or at those before them."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from attnbench.attention import AttentionFactory, Past
from attnbench.attention.multi_head import projection
from attnbench.attention.selection.hard import Hard


class Before(NamedTuple):
    """What one layer keeps of the words before: keys and values of its self-attention, and the past of its attention."""

    keys: Float[Tensor, "rows heads said key"]
    values: Float[Tensor, "rows heads said value"]
    past: Past | None = None

    def select(self, rows: Int[Tensor, " rows"]) -> "Before":
        """That of the given rows, in that order."""
        return Before(self.keys[rows], self.values[rows], None if self.past is None else self.past.select(rows))


class SelfAttention(nn.Module):
    """Heads of scaled dot products over the words so far, or over all. Vaswani et al. 2017, eq. 1 and §3.2.2-3.2.3."""

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
        query, key, value = self.projected(words)
        keys = torch.cat([before.keys.to(key.dtype), key], dim=2)
        values = torch.cat([before.values.to(value.dtype), value], dim=2)
        found = functional.scaled_dot_product_attention(query, keys, values, is_causal=words.shape[1] > 1)
        return self.output(found.transpose(1, 2).flatten(2)), before._replace(keys=keys, values=values)

    def among(
        self, words: Float[Tensor, "rows length hidden"], mask: Bool[Tensor, "rows 1 length"]
    ) -> Float[Tensor, "rows length hidden"]:
        """Each word looks at all that are no padding, itself among them."""
        query, key, value = self.projected(words)
        found = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask.unsqueeze(1))
        return self.output(found.transpose(1, 2).flatten(2))

    def projected(self, words: Float[Tensor, "rows length hidden"]) -> list[Float[Tensor, "rows heads length head"]]:
        """The heads' queries, keys and values."""
        made = (self.query(words), self.key(words), self.value(words))
        return [one.unflatten(-1, (self.heads, -1)).transpose(1, 2) for one in made]


class OtherSelfAttention(nn.Module):
    """The same by any attention whose answers depend on no other query, and draw nothing: no estimator would hear of it.

    It is no place where the model looks at what it reads. The words so far are prepared anew at each step.
    """

    def __init__(self, size: int, attention: AttentionFactory) -> None:
        super().__init__()
        self.size = size
        self.attention = attention(size, size)
        if self.attention.reads_past:
            raise ValueError(
                "self_attention: reads the past of its queries, and all words of a layer ask at once; use one that reads none"
            )
        if any(isinstance(part, Hard) for part in self.attention.modules()):
            raise ValueError(
                "self_attention: draws where to look, which is trained towards the source alone; use a soft one"
            )

    def nothing(self, rows: int, like: Tensor) -> Before:
        """What is kept before the first word."""
        return Before(like.new_zeros(rows, 1, 0, self.size), like.new_zeros(rows, 1, 0, 0))

    def forward(
        self, words: Float[Tensor, "rows length hidden"], before: Before
    ) -> tuple[Float[Tensor, "rows length hidden"], Before]:
        """Each word looks at itself and all before it; what is kept are the words themselves, as keys."""
        so_far = torch.cat([before.keys.squeeze(1).to(words.dtype), words], dim=1)
        rows, length, _ = words.shape
        mask = torch.ones(length, so_far.shape[1], dtype=torch.bool, device=words.device)
        memory = self.attention.prepare(so_far, so_far, mask.tril(so_far.shape[1] - length).expand(rows, -1, -1))
        keys = so_far.unsqueeze(1)
        return self.attention.context(words, memory), before._replace(keys=keys, values=keys[..., :0])

    def among(
        self, words: Float[Tensor, "rows length hidden"], mask: Bool[Tensor, "rows 1 length"]
    ) -> Float[Tensor, "rows length hidden"]:
        """Each word looks at all that are no padding, itself among them."""
        return self.attention.context(words, self.attention.prepare(words, words, mask))


def self_attention(size: int, heads: int, other: AttentionFactory | None) -> SelfAttention | OtherSelfAttention:
    """The paper's, of so many heads, unless there is another."""
    return SelfAttention(size, heads) if other is None else OtherSelfAttention(size, other)
