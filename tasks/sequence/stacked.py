"""What decoders of stacked LSTM layers share: they start from an encoder's last states, and read a stretch of words at a time."""

from abc import abstractmethod
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from attnbench.attention import Alignment, AttentionFactory, Memory, Past
from attnbench.tasks.base import Output
from attnbench.tasks.sequence.decoder import Advanced, OnePlace, likelihood
from attnbench.tasks.sequence.text import Vocabulary


class State(NamedTuple):
    """The layers' states between two words, lowest first; `fed` is handed on by the decoder, `past` by the attention."""

    hidden: Float[Tensor, "rows layers hidden"]
    cell: Float[Tensor, "rows layers hidden"]
    fed: Float[Tensor, "rows hidden"]
    past: Past | None = None

    def select(self, rows: Int[Tensor, " rows"]) -> "State":
        """The state of the given rows, in that order (beam search)."""
        past = None if self.past is None else self.past.select(rows)
        return State(self.hidden[rows], self.cell[rows], self.fed[rows], past)


class Heard(NamedTuple):
    """What comes of a stretch of words: what the output layer reads, where they looked, and the state behind the last."""

    top: Float[Tensor, "rows length top"]
    alignment: Alignment
    state: State


class StackedDecoder(OnePlace[State]):
    """A decoder of LSTM layers; p(y_t) = softmax(V x_t + b) of what `read` makes of each word.

    Training and search read words in the same way: all of them in one stretch, or one after the other. Dropout stands before
    the layers and before the output, never between two words (Zaremba et al. 2014, §3.2).
    """

    def __init__(
        self,
        words: int,
        attention: AttentionFactory,
        *,
        layers: int,
        memory_dim: int,
        embedding_dim: int,
        hidden_dim: int,
        top_dim: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.layers, self.hidden_dim = layers, hidden_dim
        self.embedding = nn.Embedding(words, embedding_dim, padding_idx=Vocabulary.pad)
        self.attention = attention(hidden_dim, memory_dim)
        self.output = nn.Linear(top_dim, words)
        self.dropout = nn.Dropout(dropout)

    @abstractmethod
    def read(self, embedded: Float[Tensor, "rows length embedding"], state: State, memory: Memory) -> Heard:
        """A stretch of words after those that led to the state."""

    def start(self, summary: Float[Tensor, "batch start"]) -> State:
        """The state before the first word: the encoder's last, as `last_states` has it."""
        hidden, cell = summary.unflatten(1, (2, self.layers, self.hidden_dim)).unbind(dim=1)
        return State(hidden, cell, torch.zeros_like(hidden[:, 0]))

    def advance(self, words: Int[Tensor, " rows"], state: State, memory: Memory) -> Advanced:
        """One step from the last words' numbers."""
        top, alignment, after = self.read(self.dropout(self.embedding(words.unsqueeze(1))), state, memory)
        return Advanced(self.output(self.dropout(top)).squeeze(1), [alignment], after)

    def forward(
        self,
        target: Int[Tensor, "batch length"],
        summary: Float[Tensor, "batch start"],
        memory: Memory,
        gold: Bool[Tensor, "batch query memory"] | None = None,
    ) -> Output:
        """Teacher-forced over `target`, which runs from the start to the end symbol; queries are its words but the first."""
        top, alignment, _ = self.read(self.dropout(self.embedding(target[:, :-1])), self.start(summary), memory)
        return likelihood(self.dropout(top), self.output, target, [alignment], gold)


def last_states(
    hidden: Float[Tensor, "layers batch hidden"], cell: Float[Tensor, "layers batch hidden"]
) -> Float[Tensor, "batch start"]:
    """An encoder's last states in one row a sentence, which a stacked decoder starts from."""
    return torch.stack([hidden, cell]).permute(2, 0, 1, 3).flatten(1)


def ran(
    lstm: nn.LSTM,
    inward: Float[Tensor, "rows length inward"],
    hidden: Float[Tensor, "rows layers hidden"],
    cell: Float[Tensor, "rows layers hidden"],
) -> tuple[
    Float[Tensor, "rows length hidden"], Float[Tensor, "rows layers hidden"], Float[Tensor, "rows layers hidden"]
]:
    """One fused call over a stretch: what the top layer said of each word, and the layers' last states."""
    before = hidden.transpose(0, 1).contiguous(), cell.transpose(0, 1).contiguous()
    said, (last_hidden, last_cell) = lstm(inward, before)
    return said, last_hidden.transpose(0, 1), last_cell.transpose(0, 1)
