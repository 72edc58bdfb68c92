"""The Transformer's decoder: in each of its layers it attends to what was said, and to what it reads by any attention."""

import math
from typing import NamedTuple, get_args

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from attnbench.attention import Alignment, AttentionFactory, Memory
from attnbench.tasks.base import Output
from attnbench.tasks.sequence.decoder import Advanced, Decoder, for_rows, likelihood
from attnbench.tasks.sequence.self_attention import Before
from attnbench.tasks.sequence.transformer_layer import Layer, Norm


class State(NamedTuple):
    """What all layers keep of the words before, so that none is read twice."""

    layers: tuple[Before, ...]

    @property
    def said(self) -> int:
        """How many words went before."""
        return self.layers[0].keys.shape[2]

    def select(self, rows: Int[Tensor, " rows"]) -> "State":
        """The state of the given rows, in that order (beam search)."""
        return State(tuple(before.select(rows) for before in self.layers))


class TransformerDecoder(Decoder[tuple[Memory, ...], State]):
    """x_t = √d E y_t + PE(t), then the layers; p(y_{t+1}) = softmax(V x_t + b). Vaswani et al. 2017, §3.1-3.5.

    Attention to what is read is the attention it is given, one in each layer, with the annotations as keys and values. `norm` is
    `pre`, with one more after the last layer, or `post`, as in the paper. `tied` words have the same vectors going in and
    coming out, V = E (§3.4). Dropout is that of §5.4, and one between the feed-forward network's two maps. `self_attention`
    stands where given for the paper's, of so many `heads`.
    """

    def __init__(
        self,
        words: int,
        attention: AttentionFactory,
        *,
        memory_dim: int,
        layers: int,
        hidden_dim: int,
        heads: int,
        feed_forward_dim: int,
        dropout: float,
        norm: Norm = "pre",
        tied: bool = True,
        self_attention: AttentionFactory | None = None,
    ) -> None:
        super().__init__()
        check_sizes(layers=layers, hidden_dim=hidden_dim, heads=heads, feed_forward_dim=feed_forward_dim, norm=norm)
        self.embedding = word_vectors(words, hidden_dim)
        sizes = {"memory_dim": memory_dim, "hidden_dim": hidden_dim, "feed_forward_dim": feed_forward_dim}
        self.layers = nn.ModuleList(
            Layer(attention, heads=heads, dropout=dropout, norm=norm, other=self_attention, **sizes)
            for _ in range(layers)
        )
        self.norm = nn.LayerNorm(hidden_dim) if norm == "pre" else nn.Identity()
        self.output = nn.Linear(hidden_dim, words)
        if tied:
            self.output.weight = self.embedding.weight
        self.dropout = nn.Dropout(dropout)

    def each(self) -> list[Layer]:
        """The layers, from the words upwards."""
        return [layer for layer in self.layers if isinstance(layer, Layer)]

    def prepare(
        self, annotations: Float[Tensor, "batch memory value"], mask: Bool[Tensor, "batch #query memory"]
    ) -> tuple[Memory, ...]:
        """What each layer attends to: the annotations as keys and values."""
        return tuple(layer.attention.prepare(annotations, annotations, mask) for layer in self.each())

    def shared(self, memory: tuple[Memory, ...], times: int) -> tuple[Memory, ...]:
        """The memory for so many rows of each example, one after the other."""
        return tuple(for_rows(layer.attention, own, times) for layer, own in zip(self.each(), memory, strict=True))

    def start(self, summary: Float[Tensor, "batch start"]) -> State:
        """Nothing is said yet. The summary tells how many sentences there will be, and nothing else."""
        return State(tuple(layer.self_attention.nothing(len(summary), summary) for layer in self.each()))

    def read(
        self, words: Int[Tensor, "rows length"], state: State, memory: tuple[Memory, ...]
    ) -> tuple[Float[Tensor, "rows length hidden"], list[Alignment], State]:
        """A first stretch of words, or one word after others: what the output layer reads, where they looked, the next state."""
        current = self.dropout(placed(self.embedding, words, state.said))
        alignments: list[Alignment] = []
        after: list[Before] = []
        for layer, before, own in zip(self.layers, state.layers, memory, strict=True):
            current, alignment, left = layer(current, before, own)
            alignments.append(alignment)
            after.append(left)
        return self.norm(current), alignments, State(tuple(after))

    def advance(self, words: Int[Tensor, " rows"], state: State, memory: tuple[Memory, ...]) -> Advanced:
        """One step from the last words' numbers."""
        top, alignments, after = self.read(words.unsqueeze(1), state, memory)
        return Advanced(self.output(top).squeeze(1), alignments, after)

    def forward(
        self,
        target: Int[Tensor, "batch length"],
        summary: Float[Tensor, "batch start"],
        memory: tuple[Memory, ...],
        gold: Bool[Tensor, "batch query memory"] | None = None,
    ) -> Output:
        """Teacher-forced over `target`, which runs from the start to the end symbol; queries are its words but the first."""
        top, alignments, _ = self.read(target[:, :-1], self.start(summary), memory)
        return likelihood(top, self.output, target, alignments, gold)


def placed(
    embedding: nn.Embedding, words: Int[Tensor, "rows length"], first: int = 0
) -> Float[Tensor, "rows length hidden"]:
    """√d E y_t + PE(t) of words from the given position on. Vaswani et al. 2017, §3.4-3.5."""
    embedded = embedding(words) * math.sqrt(embedding.embedding_dim)
    return embedded + sinusoids(first, words.shape[1], embedded)


def word_vectors(words: int, size: int) -> nn.Embedding:
    """Embeddings whose numbers are of size 1 once they are scaled."""
    embedding = nn.Embedding(words, size)
    nn.init.normal_(embedding.weight, std=size**-0.5)
    return embedding


def sinusoids(first: int, length: int, like: Float[Tensor, "*batch hidden"]) -> Float[Tensor, "length hidden"]:
    """PE(t, 2i) = sin(t / 10000^(2i/d)), PE(t, 2i+1) = cos(t / 10000^(2i/d)) of so many positions. Vaswani et al. 2017, §3.5."""
    size = like.shape[-1]
    exact = torch.promote_types(like.dtype, torch.float32)
    positions = torch.arange(first, first + length, device=like.device, dtype=exact)
    pairs = torch.arange(0, size, 2, device=like.device, dtype=exact)
    angles = positions.unsqueeze(1) * torch.exp(pairs * (-math.log(10000.0) / size))
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)[:, :size].to(like.dtype)


def check_sizes(*, layers: int, hidden_dim: int, heads: int, feed_forward_dim: int, norm: str) -> None:
    """Raises ValueError where there is no such decoder."""
    for name, size in {"layers": layers, "heads": heads, "feed_forward_dim": feed_forward_dim}.items():
        if size < 1:
            raise ValueError(f"{name}={size}: must be at least 1")
    if hidden_dim < 1 or hidden_dim % heads:
        raise ValueError(f"hidden_dim={hidden_dim}: must be a multiple of heads={heads}, an equal share for each head")
    if norm not in get_args(Norm):
        raise ValueError(f"norm={norm}: must be one of {', '.join(get_args(Norm))}")
