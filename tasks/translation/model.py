"""RNNsearch: the encoder-decoder for which attention was invented."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from attnbench.attention import AttentionFactory, Memory
from attnbench.tasks.base import Model, Output, Prediction
from attnbench.tasks.sequence.recurrent import RecurrentDecoder
from attnbench.tasks.sequence.search import Search
from attnbench.tasks.sequence.text import Vocabulary


class Pair(NamedTuple):
    """A batch of sentence pairs; targets run from the start symbol to the end symbol."""

    source: Int[Tensor, "batch memory"]
    target: Int[Tensor, "batch length"]
    gold: Bool[Tensor, "batch query memory"] | None
    source_words: list[list[str]]
    target_words: list[list[str]]
    truth: Sequence[str] = ()  # the targets as text, as they are measured


class RNNsearch(Model):
    """Bidirectional GRU encoder and a GRU decoder that attends from its previous state. Bahdanau et al. 2015, A.1.

    Keys and values are the annotations h_j = [→h_j; ←h_j], of size hidden_dim; the decoder starts from the mean annotation
    (Bahdanau starts from ←h_1). The decoder's state has the annotations' size, so that plain dot needs no projection.
    """

    def __init__(
        self,
        source: Vocabulary,
        target: Vocabulary,
        attention: AttentionFactory,
        *,
        embedding_dim: int,
        hidden_dim: int,
        dropout: float,
        limit: int,
        beam: int = 1,
        length_penalty: float = 0.0,
        coverage_penalty: float = 0.0,
    ) -> None:
        super().__init__()
        if hidden_dim < 2 or hidden_dim % 2:
            raise ValueError(f"hidden_dim={hidden_dim}: must be even, half for each direction of the encoder")
        self.source, self.target = source, target
        self.search = Search(limit=limit, beam=beam, length_penalty=length_penalty, coverage_penalty=coverage_penalty)
        self.embedding = nn.Embedding(len(source), embedding_dim, padding_idx=Vocabulary.pad)
        self.encoder = nn.GRU(embedding_dim, hidden_dim // 2, bidirectional=True, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.decoder = RecurrentDecoder(
            len(target),
            attention,
            start_dim=hidden_dim,
            memory_dim=hidden_dim,
            embedding_dim=embedding_dim,
            hidden_dim=hidden_dim,
            cell="gru",
            dropout=dropout,
        )

    def encode(self, source: Int[Tensor, "batch memory"]) -> tuple[Float[Tensor, "batch hidden"], Memory]:
        """The mean annotation and the prepared memory."""
        mask = source != Vocabulary.pad
        embedded = self.dropout(self.embedding(source))
        packed = pack_padded_sequence(embedded, mask.sum(dim=1).cpu(), batch_first=True, enforce_sorted=False)
        annotations, _ = pad_packed_sequence(self.encoder(packed)[0], batch_first=True, total_length=source.shape[1])
        mean = annotations.sum(dim=1) / mask.sum(dim=1, keepdim=True)
        annotations = self.dropout(annotations)
        return mean, self.decoder.prepare(annotations, mask.unsqueeze(1))

    def forward(self, batch: Pair) -> Output:
        """Teacher-forced."""
        summary, memory = self.encode(batch.source)
        output: Output = self.decoder(batch.target, summary, memory, batch.gold)
        return output

    @torch.no_grad()
    def predict(self, batch: Pair) -> Prediction:
        """What the search finds."""
        said = self.search(self.decoder, *self.encode(batch.source))
        return Prediction(
            said=[self.target.text(row) for row in said.sentences(self.target)],
            truth=[[text] for text in batch.truth],
            alignments=said.alignments,
            queries=said.queries(self.target),
            memory=batch.source_words,
            ranked=said.candidates(self.target),
        )
