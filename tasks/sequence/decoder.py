"""What a decoder is: says a sentence word by word, looking at a memory before each, in one place or several."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Generic, NamedTuple, Protocol, TypeVar, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from attnbench.attention import Alignment, Attention, Memory
from attnbench.tasks.base import Output
from attnbench.tasks.sequence.text import Vocabulary
from attnbench.tasks.sequence.word_loss import word_loss


@runtime_checkable
class Selectable(Protocol):
    """What a decoder knows between two words, a row for each sentence."""

    def select(self, rows: Int[Tensor, " rows"]) -> "Selectable":
        """That of the given rows, in that order; rows may repeat (beam search)."""
        ...


Read = TypeVar("Read")  # what is attended to, prepared
Between = TypeVar("Between", bound=Selectable)  # the state between two words


class Advanced(NamedTuple):
    """What one more word leads to; alignments have one query a row, and there is one for each place of attention."""

    logits: Float[Tensor, "rows words"]  # scores of the next word
    alignments: Sequence[Alignment]
    state: Any  # of the decoder's own kind


class Decoder(nn.Module, ABC, Generic[Read, Between]):
    """Any decoder: what it reads is prepared once, then it goes on word by word (search) or along a given sentence (training).

    Both ways say the same: a sentence's nll is the sum over its words said one by one.
    """

    @abstractmethod
    def prepare(
        self, annotations: Float[Tensor, "batch memory value"], mask: Bool[Tensor, "batch #query memory"]
    ) -> Read:
        """What is attended to: the annotations as keys and values of each place."""

    @abstractmethod
    def shared(self, memory: Read, times: int) -> Read:
        """The memory for so many rows of each example, one after the other."""

    @abstractmethod
    def start(self, summary: Float[Tensor, "batch start"]) -> Between:
        """The state before the first word, from a summary of what is read, a row for each sentence."""

    @abstractmethod
    def advance(self, words: Int[Tensor, " rows"], state: Between, memory: Read) -> Advanced:
        """One step from the last words' numbers."""

    @abstractmethod
    def forward(
        self,
        target: Int[Tensor, "batch length"],
        summary: Float[Tensor, "batch start"],
        memory: Read,
        gold: Bool[Tensor, "batch query memory"] | None = None,
    ) -> Output:
        """Teacher-forced over `target`, which runs from the start to the end symbol; queries are its words but the first."""


def for_rows(attention: Attention, memory: Memory, times: int) -> Memory:
    """One place's memory for so many rows of each example: the rows are the example's queries where they may be, so that
    nothing is copied."""
    if not attention.reads_past:
        return memory
    return memory.select(torch.arange(memory.mask.shape[0], device=memory.mask.device).repeat_interleave(times))


class OnePlace(Decoder[Memory, Between]):
    """A decoder with one place of attention, which is all that it does with what it reads."""

    attention: Attention

    def prepare(
        self, annotations: Float[Tensor, "batch memory value"], mask: Bool[Tensor, "batch #query memory"]
    ) -> Memory:
        """What is attended to: the annotations as keys and values."""
        return self.attention.prepare(annotations, annotations, mask)

    def shared(self, memory: Memory, times: int) -> Memory:
        """The memory for so many rows of each example, one after the other."""
        return for_rows(self.attention, memory, times)


def likelihood(
    features: Float[Tensor, "batch query feature"],
    layer: nn.Linear,
    target: Int[Tensor, "batch length"],
    alignments: Sequence[Alignment],
    gold: Bool[Tensor, "batch query memory"] | None,
) -> Output:
    """The output of a teacher-forced pass, from what the output layer over words reads; padding of `target` counts nowhere."""
    asked = target[:, 1:]
    counted = asked != Vocabulary.pad
    losses = word_loss(features[counted], layer.weight, layer.bias, asked[counted], training=layer.training)
    steps, spread = (loss.new_zeros(asked.shape).masked_scatter(counted, loss) for loss in losses)
    kept = [alignment.keep(counted) for alignment in alignments]
    return Output(steps.sum(dim=1), counted.sum(dim=1), kept, gold, steps=steps, spread=spread.sum(dim=1))
