"""Captions written word by word, looking at an image: what their models share, and Show, Attend and Tell."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Unpack, get_args

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from attnbench.attention import AttentionFactory
from attnbench.tasks.base import Model, Output, Prediction
from attnbench.tasks.captioning.annotations import Annotations
from attnbench.tasks.captioning.encoder import Encoder
from attnbench.tasks.captioning.facts import Facts, said_gold
from attnbench.tasks.captioning.picture import Picture
from attnbench.tasks.sequence.decoder import Decoder
from attnbench.tasks.sequence.recurrent import RecurrentDecoder
from attnbench.tasks.sequence.search import Search, SearchOptions
from attnbench.tasks.sequence.text import Vocabulary

Total = Literal["one", "steps_over_places"]


class Captioned(NamedTuple):
    """A batch of images, each with its first caption from the start symbol to the end symbol, and all its captions.

    An encoder's grids, where they are kept, stand for the images as it wants them, in [0, 1].
    """

    images: Float[Tensor, "batch 3 height width"] | None
    grids: Float[Tensor, "batch cell encoded"] | None
    grid: tuple[int, int]  # rows and columns of the annotations
    target: Int[Tensor, "batch length"]
    gold: Bool[Tensor, "batch query cell"] | None
    captions: list[list[str]]
    facts: list[str] | None
    pictures: list[Picture]


@dataclass(frozen=True, kw_only=True)
class DoublyStochastic:
    """λ Σ_i (τ - Σ_t α_ti)², the mean over a model's places of attention, added to each caption's loss. Xu et al. 2015, eq. 14.

    λ is `weight`. τ is 1 (`one`), or T/L (`steps_over_places`), what each of L cells gets if T steps look everywhere alike.
    Steps behind a caption's end do not count.
    """

    weight: float
    total: Total

    def __post_init__(self) -> None:
        if not self.weight >= 0:
            raise ValueError(f"doubly_stochastic={self.weight}: must be a weight of at least 0, which is none")
        if self.total not in get_args(Total):
            raise ValueError(f"doubly_stochastic_total={self.total}: must be one of {', '.join(get_args(Total))}")

    def __call__(self, output: Output) -> Float[Tensor, " batch"]:
        """What each caption's loss is raised by."""
        places = [imbalance(place.weights, output.symbols, self.total) for place in output.alignments]
        return self.weight * torch.stack(places).mean(dim=0)


class CaptionerOptions(SearchOptions, total=False):
    """What every captioner may be told, as `Captioner` has it."""

    annotation_dim: int | None
    standardize: bool
    global_image: bool
    cell_dropout: float
    doubly_stochastic: float
    doubly_stochastic_total: Total


class Captioner(Model):
    """A decoder over an encoder's annotations, which are its keys and values; `decoder` makes one for annotations of a size.

    Annotations are of size `annotation_dim` (None: the encoder's own), with `global_image` each mapped together with their mean
    (see `Annotations`, also for `cell_dropout`); `DoublyStochastic` is the penalty of eq. 14 in Xu et al. 2015.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        encoder: Encoder,
        decoder: Callable[[int], Decoder[Any, Any]],
        *,
        dropout: float,
        annotation_dim: int | None = None,
        standardize: bool = False,
        global_image: bool = False,
        cell_dropout: float = 0.0,
        doubly_stochastic: float = 0.0,
        doubly_stochastic_total: Total = "one",
        **search: Unpack[SearchOptions],
    ) -> None:
        super().__init__()
        self.vocabulary, self.search = vocabulary, Search(**search)
        self.penalty = DoublyStochastic(weight=doubly_stochastic, total=doubly_stochastic_total)
        self.annotations = Annotations(
            encoder,
            dim=annotation_dim,
            standardize=standardize,
            dropout=dropout,
            global_image=global_image,
            cell_dropout=cell_dropout,
        )
        self.decoder = decoder(self.annotations.width)

    def encode(self, batch: Captioned) -> tuple[Float[Tensor, "batch annotation"], Any]:
        """The mean annotation and the decoder's memory, cells row by row."""
        annotations = self.annotations(batch.images, batch.grids)
        mask = torch.ones(annotations.shape[0], 1, annotations.shape[1], dtype=torch.bool, device=annotations.device)
        return annotations.mean(dim=1), self.decoder.prepare(annotations, mask)

    def forward(self, batch: Captioned) -> Output:
        """Teacher-forced on each image's first caption."""
        gold = None if self.annotations.thins else batch.gold
        output: Output = self.decoder(batch.target, *self.encode(batch), gold)
        return output._replace(penalty=self.penalty(output)) if self.penalty.weight else output

    @torch.no_grad()
    def predict(self, batch: Captioned) -> Prediction:
        """What the search finds."""
        said = self.search(self.decoder, *self.encode(batch))
        words = said.sentences(self.vocabulary)
        facts = None if batch.facts is None else [Facts.from_json(about) for about in batch.facts]
        return Prediction(
            said=[" ".join(row) for row in words],
            truth=batch.captions,
            alignments=said.alignments,
            queries=said.queries(self.vocabulary),
            memory=(),
            gold=None if facts is None or batch.gold is None else said_gold(words, facts, said.alignments[0].weights),
            images=batch.pictures,
            grid=batch.grid,
            about=batch.facts or (),
        )


class ShowAttendTell(Captioner):
    """An LSTM decoder over an encoder's annotations, which starts from their mean. Xu et al. 2015, §3.1.

    Plain dot needs annotations of size hidden_dim, that of the decoder's state. `gate` is the scalar β of §4.2.1. The paper's
    decoder looks before it knows the last word; a `conditional` one takes it in first (see `RecurrentDecoder`).
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        encoder: Encoder,
        attention: AttentionFactory,
        *,
        embedding_dim: int,
        hidden_dim: int,
        dropout: float,
        gate: bool = False,
        conditional: bool = False,
        **options: Unpack[CaptionerOptions],
    ) -> None:
        def decoder(width: int) -> RecurrentDecoder:
            return RecurrentDecoder(
                len(vocabulary),
                attention,
                start_dim=width,
                memory_dim=width,
                embedding_dim=embedding_dim,
                hidden_dim=hidden_dim,
                cell="lstm",
                dropout=dropout,
                gate=gate,
                conditional=conditional,
            )

        super().__init__(vocabulary, encoder, decoder, dropout=dropout, **options)


def imbalance(
    weights: Float[Tensor, "batch query cell"], steps: Int[Tensor, " batch"], total: Total
) -> Float[Tensor, " batch"]:
    """Σ_i (τ - Σ_t α_ti)² of each caption; weights of steps that do not count are 0. Xu et al. 2015, eq. 14."""
    due = steps.unsqueeze(1) / weights.shape[2] if total == "steps_over_places" else 1.0
    return (due - weights.float().sum(dim=1)).square().sum(dim=1)
