"""What a translation model reads a source sentence with: a recurrent encoder that never reads padding."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from attnbench.tasks.sequence.both_ways import both_ways
from attnbench.tasks.sequence.gnmt import RESIDUAL_FROM
from attnbench.tasks.sequence.stacked import last_states
from attnbench.tasks.sequence.text import Vocabulary
from attnbench.tasks.shared_dropout import SharedDropout

Start = Literal["mean", "backward"]


class Encoded(NamedTuple):
    """Source sentences as read: what the decoder starts from, the annotations, and where they are no padding."""

    summary: Float[Tensor, "batch start"]
    annotations: Float[Tensor, "batch memory hidden"]
    mask: Bool[Tensor, "batch 1 memory"]


class Encoder(nn.Module, ABC):
    """Any encoder of sentences."""

    @abstractmethod
    def forward(self, source: Int[Tensor, "batch memory"]) -> Encoded:
        """The sentences as read."""


class RecurrentEncoder(Encoder):
    """What recurrent encoders share: words embedded and packed, annotations padded again, dropout on both.

    Dropout's mask is one for all annotations of a sentence (see `SharedDropout`).
    """

    def __init__(self, words: int, embedding_dim: int, dropout: float) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, embedding_dim, padding_idx=Vocabulary.pad)
        self.dropout = nn.Dropout(dropout)
        self.read_dropout = SharedDropout(dropout)

    def packed(self, source: Int[Tensor, "batch memory"], mask: Bool[Tensor, "batch memory"]) -> PackedSequence:
        """The embedded words."""
        embedded = self.dropout(self.embedding(source))
        return pack_padded_sequence(embedded, mask.sum(dim=1).cpu(), batch_first=True, enforce_sorted=False)


class BidirectionalGru(RecurrentEncoder):
    """h_j = [→h_j; ←h_j], of size annotation_dim, each direction half of it. Bahdanau et al. 2015, A.2.1.

    The decoder starts from the `mean` annotation, or from the `backward` one of the first word, ←h_1, as in the paper.
    """

    def __init__(self, words: int, *, embedding_dim: int, annotation_dim: int, dropout: float, start: Start) -> None:
        if start not in get_args(Start):
            raise ValueError(f"start={start}: must be one of {', '.join(get_args(Start))}")
        super().__init__(words, embedding_dim, dropout)
        self.start = start
        self.start_dim = annotation_dim if start == "mean" else half(annotation_dim, "annotation_dim")
        self.rnn = nn.GRU(embedding_dim, half(annotation_dim, "annotation_dim"), bidirectional=True, batch_first=True)

    def forward(self, source: Int[Tensor, "batch memory"]) -> Encoded:
        """The sentences as read."""
        mask = source != Vocabulary.pad
        annotations = both_ways(self.rnn, self.dropout(self.embedding(source)), mask)
        if self.start == "mean":
            summary = annotations.sum(dim=1) / mask.sum(dim=1, keepdim=True)
        else:
            summary = annotations[:, 0, -self.start_dim :]
        return Encoded(summary, self.read_dropout(annotations), mask.unsqueeze(1))


class StackedLstm(RecurrentEncoder):
    """LSTM layers, whose last states the decoder starts from; annotations are the top layer's outputs. Luong et al. 2015, §2.

    With `bidirectional` each layer reads both ways, each direction of half the size.
    """

    def __init__(
        self, words: int, *, layers: int, embedding_dim: int, hidden_dim: int, dropout: float, bidirectional: bool
    ) -> None:
        super().__init__(words, embedding_dim, dropout)
        size = half(hidden_dim) if bidirectional else hidden_dim
        between = dropout if layers > 1 else 0.0
        self.rnn = nn.LSTM(embedding_dim, size, layers, dropout=between, bidirectional=bidirectional, batch_first=True)

    def forward(self, source: Int[Tensor, "batch memory"]) -> Encoded:
        """The sentences as read."""
        mask = source != Vocabulary.pad
        said, last = self.rnn(self.packed(source, mask))
        annotations = self.read_dropout(padded_again(said, source.shape[1]))
        return Encoded(last_states(*(joined(part, self.rnn) for part in last)), annotations, mask.unsqueeze(1))


class GnmtEncoder(RecurrentEncoder):
    """LSTM layers, of which the first alone reads both ways, each direction of half the size. Wu et al. 2016, §3.2.

    With `residual` each layer from the third on adds what it is given (§3.1, eq. 6).
    """

    def __init__(
        self, words: int, *, layers: int, embedding_dim: int, hidden_dim: int, dropout: float, residual: bool
    ) -> None:
        super().__init__(words, embedding_dim, dropout)
        self.residual = residual
        bottom = nn.LSTM(embedding_dim, half(hidden_dim), bidirectional=True, batch_first=True)
        above = (nn.LSTM(hidden_dim, hidden_dim, batch_first=True) for _ in range(layers - 1))
        self.rnn = nn.ModuleList([bottom, *above])

    def forward(self, source: Int[Tensor, "batch memory"]) -> Encoded:
        """The sentences as read."""
        mask = source != Vocabulary.pad
        current = self.packed(source, mask)
        last: list[Sequence[Tensor]] = []
        for number, layer in enumerate(layer for layer in self.rnn if isinstance(layer, nn.LSTM)):
            said, states = layer(current if number == 0 else current._replace(data=self.dropout(current.data)))
            last.append([joined(part, layer) for part in states])
            added = self.residual and number >= RESIDUAL_FROM
            current = said._replace(data=said.data + current.data) if added else said
        hidden, cell = (torch.cat(parts) for parts in zip(*last, strict=True))
        annotations = self.read_dropout(padded_again(current, source.shape[1]))
        return Encoded(last_states(hidden, cell), annotations, mask.unsqueeze(1))


def half(size: int, name: str = "hidden_dim") -> int:
    """Each direction's share of a size. Raises ValueError where there is none."""
    if size < 2 or size % 2:
        raise ValueError(f"{name}={size}: must be even, half for each direction of the encoder")
    return size // 2


def padded_again(packed: PackedSequence, length: int) -> Float[Tensor, "batch memory hidden"]:
    """Annotations, zero where there is padding."""
    return pad_packed_sequence(packed, batch_first=True, total_length=length)[0]


def joined(last: Float[Tensor, "directions batch share"], rnn: nn.LSTM) -> Float[Tensor, "layers batch hidden"]:
    """Each layer's last states, those of its directions side by side."""
    directions = last.unflatten(0, (rnn.num_layers, -1))
    return directions.transpose(1, 2).flatten(2)
