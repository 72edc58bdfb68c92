"""The one search: from a decoder's next-word scores to what it says."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Required, TypedDict, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from attnbench.attention import Alignment
from attnbench.tasks.sequence.beam import beam_search, check_search
from attnbench.tasks.sequence.decoder import Decoder
from attnbench.tasks.sequence.said import Said, joined
from attnbench.tasks.sequence.text import Vocabulary
from attnbench.tasks.sequence.worth import Worth


class SearchOptions(TypedDict, total=False):
    """What a model that says sentences is told of its search, as `Search` has it."""

    limit: Required[int]
    beam: int
    length_penalty: float
    coverage_penalty: float
    early_stopping: bool


@dataclass(frozen=True, kw_only=True)
class Search:
    """How a model finds what to say, in `limit` symbols at most: greedily with a beam of 1, else by beam search."""

    limit: int
    beam: int = 1
    length_penalty: float = 0.0
    coverage_penalty: float = 0.0
    early_stopping: bool = False
    n_best: int | None = None  # how many scored sentences to come back with; None: none need be scored

    def __post_init__(self) -> None:
        Worth(length_penalty=self.length_penalty, coverage_penalty=self.coverage_penalty)
        check_search(beam=self.beam, limit=self.limit, n_best=1 if self.n_best is None else self.n_best)

    def __call__(self, decoder: Decoder[Any, Any], summary: Float[Tensor, "batch start"], memory: Any) -> Said:
        """What the decoder says."""
        if self.beam == 1 and self.n_best is None:
            return greedy(decoder, summary, memory, limit=self.limit)
        return beam_search(
            decoder,
            summary,
            memory,
            beam=self.beam,
            limit=self.limit,
            length_penalty=self.length_penalty,
            coverage_penalty=self.coverage_penalty,
            early_stopping=self.early_stopping,
            n_best=1 if self.n_best is None else self.n_best,
        )


@runtime_checkable
class Searches(Protocol):
    """A model that says what a search finds."""

    search: Search


@torch.no_grad()
def greedy(decoder: Decoder[Any, Any], summary: Float[Tensor, "batch start"], memory: Any, *, limit: int) -> Said:
    """The likeliest word at each step, until every sentence has ended or holds `limit` symbols."""
    state = decoder.start(summary)
    word = torch.full((summary.shape[0],), Vocabulary.start, device=summary.device)
    ended = torch.zeros_like(word, dtype=torch.bool)
    words: list[Tensor] = []
    alignments: list[Sequence[Alignment]] = []
    while len(words) < limit and not bool(ended.all()):
        logits, looked, state = decoder.advance(word, state, memory)
        logits[:, [Vocabulary.pad, Vocabulary.start]] = -torch.inf
        word = logits.argmax(dim=-1).masked_fill(ended, Vocabulary.pad)
        words.append(word)
        alignments.append([alignment.keep(~ended.unsqueeze(1)) for alignment in looked])
        ended = ended | (word == Vocabulary.end)
    return Said(torch.stack(words, dim=1), joined(alignments))
