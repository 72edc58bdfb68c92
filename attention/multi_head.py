"""Several attentions side by side, each in a space of its own."""

from functools import partial

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from attnbench.attention.composed import Composed
from attnbench.attention.core import (
    Attended,
    Attention,
    AttentionFactory,
    Memory,
    ScoreFactory,
    SelectionFactory,
)
from attnbench.attention.heads import aligned, answer_of, apart, folded, memory_of, remembered
from attnbench.attention.score.feed_forward import FeedForward
from attnbench.attention.score.location import Location
from attnbench.attention.score.none import NoScore
from attnbench.attention.score.scaled_dot import ScaledDot
from attnbench.attention.selection.softmax import Softmax


class MultiHead(Attention):
    """context = W_O [c_1; …; c_h] + b_O, c_i what attention i finds: queries, keys and values are projected for each.

    Vaswani et al. 2017, §3.2.2; any attention can be the heads'. As in torch.nn.MultiheadAttention, whose initial values these
    are, projections have biases; the context is of the keys' size, and values must be. Weights are the mean over heads,
    log_prob and entropy the sum. A query that looks nowhere gets a zero context, without b_O. A prepared memory holds
    the heads' memories one after the other: [batch, heads · memory, size].
    """

    def __init__(
        self, query_dim: int, key_dim: int, *, heads: int, attention: AttentionFactory, head_dim: int | None = None
    ) -> None:
        super().__init__()
        size = head_size(heads, key_dim, head_dim)
        self.query_dim, self.key_dim, self.heads = query_dim, key_dim, heads
        self.query, self.key, self.value = (projection(dim, heads * size) for dim in (query_dim, key_dim, key_dim))
        self.output = nn.Linear(heads * size, key_dim)
        nn.init.zeros_(self.output.bias)
        built = [head(attention, size, heads) for _ in range(heads)]
        self.inner = nn.ModuleList(built)
        self.reads_past = any(one.reads_past for one in built)
        # Heads without values of their own are all the same: one answers for all, with the heads in the batch.
        self.alike = not self.inner.state_dict()
        self.plain = is_plain(built[0])

    def prepare(
        self,
        keys: Float[Tensor, "batch memory key"],
        values: Float[Tensor, "batch memory value"],
        mask: Bool[Tensor, "batch #query memory"],
    ) -> Memory:
        """The heads' memories, prepared. Raises ValueError where values are not of the keys' size."""
        if values.shape[-1] != self.key_dim:
            raise ValueError(
                f"values of size {values.shape[-1]}: heads project values of the keys' size, which is {self.key_dim}"
            )
        keys, values = apart(self.key(keys), self.heads), apart(self.value(values), self.heads)
        found = [own.prepare(keys[:, n], values[:, n], mask) for n, own in enumerate(self.attentions())]
        return Memory(torch.cat([one.keys for one in found], 1), torch.cat([one.values for one in found], 1), mask)

    def forward(self, query: Float[Tensor, "batch query query_dim"], memory: Memory) -> Attended:
        """What the queries find in a prepared memory."""
        asked, memory = apart(self.query(query), self.heads).flatten(0, 1), folded(memory, self.heads)
        own = self.attentions()
        if self.alike:
            whole: Attended = own[0](asked, memory)
            found = [answer_of(n, self.heads, whole) for n in range(self.heads)]
        else:
            found = [own[n](asked[n :: self.heads], memory_of(n, self.heads, memory)) for n in range(self.heads)]
        alignment = aligned([one.alignment for one in found])
        context = self.output(torch.cat([one.context for one in found], dim=-1))
        nowhere = (alignment.weights == 0).all(dim=-1, keepdim=True)
        return Attended(context.masked_fill(nowhere, 0.0), alignment, remembered(found))

    def attentions(self) -> list[Attention]:
        """The heads' own, in order."""
        return [inner for inner in self.inner if isinstance(inner, Attention)]

    def context(
        self, query: Float[Tensor, "batch query query_dim"], memory: Memory
    ) -> Float[Tensor, "batch query value"]:
        """The context alone; by torch's own kernel where heads are scaled dot products under a plain softmax."""
        if not self.plain:
            return self(query, memory).context
        asked = apart(self.query(query), self.heads)
        seen = memory.mask.any(dim=-1, keepdim=True)
        keys, values = (part.unflatten(1, (self.heads, -1)) for part in (memory.keys, memory.values))
        # A row without anything to see has no softmax: it sees all, and is emptied.
        mask = (memory.mask | ~seen).unsqueeze(1)
        found = functional.scaled_dot_product_attention(asked, keys, values, attn_mask=mask)
        return self.output(found.transpose(1, 2).flatten(2)).masked_fill(~seen, 0.0)


def composed_heads(
    query_dim: int,
    key_dim: int,
    *,
    heads: int,
    score: ScoreFactory,
    selection: SelectionFactory,
    head_dim: int | None = None,
) -> MultiHead:
    """Heads that are each a score × a selection."""
    attention = partial(Composed, score=score, selection=selection)
    return MultiHead(query_dim, key_dim, heads=heads, attention=attention, head_dim=head_dim)


def head_size(heads: int, key_dim: int, head_dim: int | None) -> int:
    """The size of each head. Raises ValueError where there is none."""
    if heads < 1:
        raise ValueError(f"heads={heads}: must be at least 1")
    if head_dim is None and key_dim % heads:
        raise ValueError(
            f"heads={heads}: keys of size {key_dim} do not divide evenly; use other heads, or set head_dim"
        )
    if head_dim is not None and head_dim < 1:
        raise ValueError(f"head_dim={head_dim}: must be at least 1")
    return key_dim // heads if head_dim is None else head_dim


def head(attention: AttentionFactory, size: int, heads: int) -> Attention:
    """One head. Raises ValueError where it makes no sense as one."""
    built = attention(size, size)
    if isinstance(built, Composed) and isinstance(built.score, NoScore | FeedForward | Location):
        raise ValueError(
            f"score {type(built.score).__name__} cannot go with MultiHead: it does not read both queries and keys, and "
            "their projections would never be trained; use it without heads, or another attention/score"
        )
    if isinstance(built, Composed) and built.selection.reads_past and heads > 1:
        raise ValueError(
            f"selection {type(built.selection).__name__} cannot go with heads={heads}: each head would move on through the "
            "memory at a pace of its own, where one place is defined; use heads=1, or another attention/selection"
        )
    return built


def is_plain(head: nn.Module) -> bool:
    """Whether a head is what scaled_dot_product_attention computes."""
    return (
        type(head) is Composed
        and type(head.score) is ScaledDot
        and isinstance(head.score.query, nn.Identity)
        and type(head.selection) is Softmax
        and head.selection.temperature == 1.0
    )


def projection(size: int, heads_size: int) -> nn.Linear:
    """A linear map with the initial values of torch.nn.MultiheadAttention's."""
    linear = nn.Linear(size, heads_size)
    nn.init.xavier_uniform_(linear.weight)
    nn.init.zeros_(linear.bias)
    return linear
