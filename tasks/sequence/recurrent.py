"""The one recurrent decoder: attends before each word, for captions and translations alike."""

from typing import Literal, NamedTuple, get_args

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from attnbench.attention import Alignment, Attended, AttentionFactory, Memory, Past
from attnbench.tasks.base import Output
from attnbench.tasks.sequence.decoder import Advanced, OnePlace, likelihood
from attnbench.tasks.sequence.text import Vocabulary
from attnbench.tasks.sequence.unrolled import Unrolled

Cell = Literal["gru", "lstm"]
Readout = Literal["tanh", "maxout"]


class State(NamedTuple):
    """The recurrent state between two words; `cell` is the LSTM's memory and zero for a GRU, `past` the attention's."""

    hidden: Float[Tensor, "batch hidden"]
    cell: Float[Tensor, "batch hidden"]
    past: Past | None = None

    def select(self, rows: Int[Tensor, " rows"]) -> "State":
        """The state of the given batch rows, in that order (beam search)."""
        return State(self.hidden[rows], self.cell[rows], None if self.past is None else self.past.select(rows))


class RecurrentDecoder(OnePlace[State]):
    """s_0 = tanh(W_0 a); c_t = β_t attend(s_{t-1}); s_t = RNN([E y_{t-1}; c_t], s_{t-1});
    p(y_t) = softmax(V tanh(W [s_t; c_t; E y_{t-1}])).

    Bahdanau et al. 2015, A.2.2 with a GRU, Xu et al. 2015, §3.1.2 with an LSTM (whose memory starts as tanh(W_c a)). The deep
    output layer is tanh where Bahdanau has maxout and Xu nothing; it is the same for both cells. `readout` of `maxout` is
    max(t̃_{2j-1}, t̃_{2j}) over t̃ = W [s_t; c_t; E y_{t-1}], which is twice as wide (Bahdanau has s_{t-1} there). `gate` gives
    the scalar β_t = σ(w · s_{t-1} + b), by which the decoder may set aside what it sees (Xu et al. 2015, §4.2.1); without it
    β_t = 1. `tied` words have the same vectors going in and coming out (Press & Wolf 2017), which takes embeddings as large
    as the state; going in they are √embedding_dim times as long, for what suits an output layer is too short to be heard beside
    the context (Vaswani et al. 2017, §3.4).

    A `conditional` decoder takes the last word in before it looks, and what it sees after: s'_t = RNN_1(E y_{t-1}, s_{t-1});
    c_t = β_t attend(s'_t); s_t = RNN_2(c_t, s'_t), with s'_t for s_{t-1} in β_t too (the conditional GRU of Sennrich et al.
    2017, Nematus, §2).
    """

    def __init__(
        self,
        words: int,
        attention: AttentionFactory,
        *,
        start_dim: int,
        memory_dim: int,
        embedding_dim: int,
        hidden_dim: int,
        cell: Cell,
        dropout: float,
        gate: bool = False,
        readout: Readout = "tanh",
        tied: bool = False,
        conditional: bool = False,
    ) -> None:
        if tied and embedding_dim != hidden_dim:
            raise ValueError(
                f"tied=true: takes embedding_dim={embedding_dim} and hidden_dim={hidden_dim} to be the same"
            )
        if readout not in get_args(Readout):
            raise ValueError(f"readout={readout}: must be one of {', '.join(get_args(Readout))}")
        super().__init__()
        self.maxout = readout == "maxout"
        self.embedding = nn.Embedding(words, embedding_dim, padding_idx=Vocabulary.pad)
        self.start_hidden = nn.Linear(start_dim, hidden_dim)
        self.start_cell = nn.Linear(start_dim, hidden_dim) if cell == "lstm" else None
        self.attention = attention(hidden_dim, memory_dim)
        self.gate = nn.Linear(hidden_dim, 1) if gate else None
        step = nn.LSTMCell if cell == "lstm" else nn.GRUCell
        self.first: nn.LSTMCell | nn.GRUCell | None = step(embedding_dim, hidden_dim) if conditional else None
        self.cell: nn.LSTMCell | nn.GRUCell = step(memory_dim + (0 if conditional else embedding_dim), hidden_dim)
        self.readout = nn.Linear(hidden_dim + memory_dim + embedding_dim, hidden_dim * (2 if self.maxout else 1))
        self.output = nn.Linear(hidden_dim, words)
        if tied:
            self.embedding.weight = self.output.weight
        self.stretch = embedding_dim**0.5 if tied else 1.0
        self.dropout = nn.Dropout(dropout)

    def start(self, summary: Float[Tensor, "batch start"]) -> State:
        """The state before the first word, from a summary of what is read."""
        hidden = torch.tanh(self.start_hidden(summary))
        return State(hidden, torch.tanh(self.start_cell(summary)) if self.start_cell else torch.zeros_like(hidden))

    def embedded(self, words: Int[Tensor, "*batch"]) -> Float[Tensor, "*batch embedding"]:
        """Words' vectors as they go in."""
        return self.stretch * self.embedding(words)

    def look(
        self, hidden: Float[Tensor, "rows hidden"], memory: Memory, past: Past | None
    ) -> tuple[Float[Tensor, "rows value"], Alignment, Past | None]:
        """What a state finds, through the gate; where; and the past that it leaves."""
        asked = hidden.unflatten(0, (memory.mask.shape[0], -1))
        attended: Attended = self.attention(asked, memory._replace(past=past))
        context = attended.context.flatten(0, 1)
        if self.gate is not None:
            context = torch.sigmoid(self.gate(hidden)) * context
        return context, attended.alignment.apart(), attended.past

    def deep(
        self,
        hidden: Float[Tensor, "*batch hidden"],
        context: Float[Tensor, "*batch value"],
        embedded: Float[Tensor, "*batch embedding"],
    ) -> Float[Tensor, "*batch hidden"]:
        """What the output layer reads."""
        read = self.readout(torch.cat([hidden, context, embedded], dim=-1))
        return self.dropout(read.unflatten(-1, (-1, 2)).amax(dim=-1) if self.maxout else torch.tanh(read))

    def advance(self, words: Int[Tensor, " rows"], state: State, memory: Memory) -> Advanced:
        """One step from the last words' numbers."""
        embedded = self.embedded(words)
        hidden, cell = state.hidden, state.cell
        if self.first is not None:
            hidden, cell = stepped(self.first, embedded, hidden, cell)
        context, alignment, past = self.look(hidden, memory, state.past)
        inward = torch.cat([embedded, context], dim=-1) if self.first is None else context
        hidden, cell = stepped(self.cell, inward, hidden, cell)
        return Advanced(self.output(self.deep(hidden, context, embedded)), [alignment], State(hidden, cell, past))

    def forward(
        self,
        target: Int[Tensor, "batch length"],
        summary: Float[Tensor, "batch start"],
        memory: Memory,
        gold: Bool[Tensor, "batch query memory"] | None = None,
    ) -> Output:
        """Teacher-forced over `target`, which runs from the start to the end symbol; queries are its words but the first."""
        embedded = self.dropout(self.embedded(target[:, :-1]))
        hidden, cell, past = self.start(summary)
        first = None if self.first is None else Unrolled(self.first, embedded.shape[2])
        second = Unrolled(self.cell, 0 if first else embedded.shape[2])
        taken: list[tuple[Tensor, Tensor, Alignment]] = []
        for word in (first or second).known(embedded).unbind(dim=1):
            if first is not None:
                hidden, cell = first(word, None, hidden, cell)
            context, alignment, past = self.look(hidden, memory, past)
            hidden, cell = second(second.bias if first else word, context, hidden, cell)
            taken.append((hidden, context, alignment))
        states = torch.stack([step[0] for step in taken], dim=1)
        contexts = torch.stack([step[1] for step in taken], dim=1)
        alignment = Alignment.join([step[2] for step in taken])
        return likelihood(self.deep(states, contexts, embedded), self.output, target, [alignment], gold)


def stepped(
    recurrent: nn.LSTMCell | nn.GRUCell,
    inward: Float[Tensor, "rows input"],
    hidden: Float[Tensor, "rows hidden"],
    cell: Float[Tensor, "rows hidden"],
) -> tuple[Float[Tensor, "rows hidden"], Float[Tensor, "rows hidden"]]:
    """One step of either cell; a GRU has no memory, and its is handed on."""
    if isinstance(recurrent, nn.LSTMCell):
        after: tuple[Tensor, Tensor] = recurrent(inward, (hidden, cell))
        return after
    return recurrent(inward, hidden), cell
