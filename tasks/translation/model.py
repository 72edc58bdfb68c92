"""Sentences said in another language: what translation models share, and RNNsearch, for which attention was invented."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Unpack

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from attnbench.attention import AttentionFactory
from attnbench.tasks.base import Model, Output, Prediction
from attnbench.tasks.sequence.decoder import Decoder
from attnbench.tasks.sequence.recurrent import Readout, RecurrentDecoder
from attnbench.tasks.sequence.search import Search, SearchOptions
from attnbench.tasks.sequence.text import Vocabulary
from attnbench.tasks.translation.encoder import BidirectionalGru, Encoder, Start, half


class Pair(NamedTuple):
    """A batch of sentence pairs; targets run from the start symbol to the end symbol."""

    source: Int[Tensor, "batch memory"]
    target: Int[Tensor, "batch length"]
    gold: Bool[Tensor, "batch query memory"] | None
    source_words: list[list[str]]
    target_words: list[list[str]]
    truth: Sequence[str] = ()  # the targets as text, as they are measured
    possible: Bool[Tensor, "batch query memory"] | None = None  # the links of `gold` that are not sure


class Translator(Model):
    """A decoder over an encoder's annotations, which are its keys and values."""

    def __init__(self, target: Vocabulary, encoder: Encoder, decoder: Decoder[Any, Any], search: Search) -> None:
        super().__init__()
        self.target, self.search = target, search
        self.encoder = encoder
        self.decoder = decoder

    def encode(self, source: Int[Tensor, "batch memory"]) -> tuple[Float[Tensor, "batch start"], Any]:
        """What the decoder starts from, and its memory."""
        encoded = self.encoder(source)
        return encoded.summary, self.decoder.prepare(encoded.annotations, encoded.mask)

    def forward(self, batch: Pair) -> Output:
        """Teacher-forced."""
        output: Output = self.decoder(batch.target, *self.encode(batch.source), batch.gold)
        return output._replace(possible=batch.possible)

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


class RNNsearch(Translator):
    """Bidirectional GRU encoder and a GRU decoder that attends from its previous state. Bahdanau et al. 2015, A.1.

    Keys and values are the annotations h_j = [→h_j; ←h_j], of size `annotation_dim`. Without it that is hidden_dim, the decoder's
    state's, so that plain dot needs no projection; the paper's is 2·hidden_dim. `start` is what the decoder starts from: the
    `mean` annotation, or ←h_1 (`backward`), as in the paper.
    `readout` is its deep output layer: `tanh`, or the paper's `maxout`. `tied` target words have the same vectors going in and
    coming out. A `conditional` decoder attends from a state that knows the last word already (Sennrich et al. 2017, Nematus).
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
        annotation_dim: int | None = None,
        start: Start = "mean",
        readout: Readout = "tanh",
        tied: bool = False,
        conditional: bool = False,
        **search: Unpack[SearchOptions],
    ) -> None:
        width = hidden_dim if annotation_dim is None else annotation_dim
        half(width, "hidden_dim" if annotation_dim is None else "annotation_dim")  # refuses an odd one
        encoder = BidirectionalGru(
            len(source), embedding_dim=embedding_dim, annotation_dim=width, dropout=dropout, start=start
        )
        decoder = RecurrentDecoder(
            len(target),
            attention,
            start_dim=encoder.start_dim,
            memory_dim=width,
            embedding_dim=embedding_dim,
            hidden_dim=hidden_dim,
            cell="gru",
            dropout=dropout,
            readout=readout,
            tied=tied,
            conditional=conditional,
        )
        super().__init__(target, encoder, decoder, Search(**search))
