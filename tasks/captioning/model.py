"""Show, Attend and Tell: a caption written word by word, looking at a part of the image before each."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from attnbench.attention import AttentionFactory, Memory
from attnbench.tasks.base import Model, Output, Prediction
from attnbench.tasks.captioning.encoder import GridEncoder, grid
from attnbench.tasks.captioning.facts import Facts, said_gold
from attnbench.tasks.sequence.decoder import RecurrentDecoder
from attnbench.tasks.sequence.search import Search
from attnbench.tasks.sequence.text import Vocabulary


class Captioned(NamedTuple):
    """A batch of images in [0, 1], each with its first caption from the start symbol to the end symbol, and all its captions."""

    images: Float[Tensor, "batch 3 height width"]
    target: Int[Tensor, "batch length"]
    gold: Bool[Tensor, "batch query cell"] | None
    captions: list[list[str]]
    facts: list[str] | None


class ShowAttendTell(Model):
    """CNN encoder and an LSTM decoder that starts from the mean annotation. Xu et al. 2015, §3.1.

    Keys and values are the annotations, of size hidden_dim as the decoder's state, so that plain dot needs no projection.
    The encoder is small and trained with the rest (the paper's is a VGG net that stays as it was); the gate β and the doubly
    stochastic penalty of §4.2.1 are left out.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        attention: AttentionFactory,
        *,
        embedding_dim: int,
        hidden_dim: int,
        dropout: float,
        limit: int,
        beam: int = 1,
        length_penalty: float = 0.0,
    ) -> None:
        super().__init__()
        self.vocabulary = vocabulary
        self.search = Search(limit=limit, beam=beam, length_penalty=length_penalty)
        self.encoder = GridEncoder(hidden_dim)
        self.dropout = nn.Dropout(dropout)
        self.decoder = RecurrentDecoder(
            len(vocabulary),
            attention,
            start_dim=hidden_dim,
            memory_dim=hidden_dim,
            embedding_dim=embedding_dim,
            hidden_dim=hidden_dim,
            cell="lstm",
            dropout=dropout,
        )

    def encode(self, images: Float[Tensor, "batch 3 height width"]) -> tuple[Float[Tensor, "batch hidden"], Memory]:
        """The mean annotation and the prepared memory, cells row by row."""
        annotations = self.dropout(self.encoder(images).flatten(2).transpose(1, 2))
        mask = torch.ones(annotations.shape[0], 1, annotations.shape[1], dtype=torch.bool, device=images.device)
        return annotations.mean(dim=1), self.decoder.attention.prepare(annotations, annotations, mask)

    def forward(self, batch: Captioned) -> Output:
        """Teacher-forced on each image's first caption."""
        summary, memory = self.encode(batch.images)
        output: Output = self.decoder(batch.target, summary, memory, batch.gold)
        return output

    @torch.no_grad()
    def predict(self, batch: Captioned) -> Prediction:
        """What the search finds."""
        said = self.search(self.decoder, *self.encode(batch.images))
        words = said.sentences(self.vocabulary)
        facts = None if batch.facts is None else [Facts.from_json(about) for about in batch.facts]
        return Prediction(
            said=[" ".join(row) for row in words],
            truth=batch.captions,
            alignments=[said.alignment],
            queries=said.queries(self.vocabulary),
            memory=(),
            gold=None if facts is None else said_gold(words, facts, said.alignment.weights),
            images=batch.images,
            grid=grid(*batch.images.shape[2:]),
            about=batch.facts or (),
        )
