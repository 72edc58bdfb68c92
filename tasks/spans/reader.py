"""What every reader of spans shares: the likelihood of an answer's ends, and the best answer as the document has it."""

import json
from abc import abstractmethod
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from attnbench.attention import Alignment, Attention
from attnbench.tasks.base import Model, Output, Prediction
from attnbench.tasks.spans.batch import Question
from attnbench.tasks.spans.pointers import best_spans


class Pointed(NamedTuple):
    """Scores of every word as the answer's first and last, and where the document's words looked in the question."""

    start: Float[Tensor, "batch memory"]
    end: Float[Tensor, "batch memory"]
    alignment: Alignment


class SpanReader(Model):
    """log p(answer) = log p(start) + log p(end), each a softmax over the whole document, whatever windows it was read in.

    A word of the document is a query and a word of the question a position of the memory. `longest_answer` is in words.
    """

    def __init__(self, longest_answer: int) -> None:
        super().__init__()
        if longest_answer < 1:
            raise ValueError(f"longest_answer={longest_answer}: must be at least 1 word")
        self.longest_answer = longest_answer

    @abstractmethod
    def point(self, batch: Question) -> Pointed:
        """The scores; those of padding do not matter."""

    def read(self, batch: Question) -> Pointed:
        """Log-probabilities instead of scores."""
        start, end, alignment = self.point(batch)
        hidden = ~batch.document.mask
        start, end = (torch.log_softmax(s.float().masked_fill(hidden, -torch.inf), dim=-1) for s in (start, end))
        return Pointed(start, end, alignment.keep(batch.document.mask))

    def forward(self, batch: Question) -> Output:
        """An answer is two symbols, its first and its last word."""
        start, end, alignment = self.read(batch)
        nll = -(start.gather(1, batch.first.unsqueeze(1)) + end.gather(1, batch.last.unsqueeze(1))).squeeze(1)
        mask = batch.document.mask
        spread = -(start + end).masked_fill(~mask, 0.0).sum(dim=1) / mask.sum(dim=1)
        return Output(nll, torch.full_like(batch.first, 2), [alignment], batch.gold, spread=spread)

    @torch.no_grad()
    def predict(self, batch: Question) -> Prediction:
        """The span of the largest p(start) · p(end), which is what `about` calls its confidence."""
        start, end, alignment = self.read(batch)
        first, last, value = (found.tolist() for found in best_spans(start, end, self.longest_answer))
        spans = [(w.starts[a], w.ends[b]) for w, a, b in zip(batch.words, first, last, strict=True)]
        return Prediction(
            said=[text[start:end] for text, (start, end) in zip(batch.contexts, spans, strict=True)],
            truth=batch.answers,
            alignments=[alignment],
            queries=[words.words for words in batch.words],
            memory=batch.asked,
            gold=batch.gold,
            about=[
                json.dumps({"id": name, "start": span[0], "confidence": round(torch.tensor(log).exp().item(), 6)})
                for name, span, log in zip(batch.ids, spans, value, strict=True)
            ],
        )


def accepted(attention: Attention) -> Attention:
    """The attention. Raises ValueError for one that goes through the question in the order in which it is asked."""
    if attention.reads_past:
        raise ValueError(
            "attention: the words of a document look into the question in no order; use a mechanism that does not read where "
            "earlier queries looked (not coverage, location-sensitive, local_m, monotonic, chunkwise)"
        )
    return attention


def averaged(
    weights: Float[Tensor, "batch length"], values: Float[Tensor, "batch length size"]
) -> Float[Tensor, "batch size"]:
    """Each example's weighted mean."""
    return torch.bmm(weights.to(values.dtype).unsqueeze(1), values).squeeze(1)


def shares(scores: Float[Tensor, "batch length"], mask: Bool[Tensor, "batch length"]) -> Float[Tensor, "batch length"]:
    """softmax over what is no padding."""
    return torch.softmax(scores.float().masked_fill(~mask, -torch.inf), dim=-1)
