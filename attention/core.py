"""The contract: what an attention reads and returns, and what scores and selections are."""

from abc import ABC, abstractmethod
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn


class Past(NamedTuple):
    """What earlier queries leave to later ones: a value that goes from answer to question, never a module's state."""

    asked: Int[Tensor, " batch"]  # how many queries were answered
    last: Float[Tensor, "batch *heads memory"]  # the last query's weights; where its chunk ended, if it read a chunk
    total: Float[Tensor, "batch *heads memory"]  # the sum of all queries' weights

    @staticmethod
    def none(like: Float[Tensor, "batch *heads memory"]) -> "Past":
        """The past of a first query: zeros."""
        asked = torch.zeros(like.shape[0], dtype=torch.long, device=like.device)
        return Past(asked, torch.zeros_like(like), torch.zeros_like(like))

    def after(self, alignment: "Alignment") -> "Past":
        """The past once one more query was answered."""
        weights = alignment.weights.squeeze(1)
        last = weights if alignment.ends is None else alignment.ends.squeeze(1)
        return Past(self.asked + 1, last, self.total + weights)

    def select(self, rows: Int[Tensor, " rows"]) -> "Past":
        """The past of the given batch rows, in that order (beam search)."""
        return Past(self.asked[rows], self.last[rows], self.total[rows])


class Memory(NamedTuple):
    """What is attended to: prepared once, read by every query. `mask` is True where one may look.

    `past` is that of the answer before, for an attention that reads it; None stands for the beginning.
    """

    keys: Float[Tensor, "batch memory key"]
    values: Float[Tensor, "batch memory value"]
    mask: Bool[Tensor, "batch #query memory"]
    past: Past | None = None

    def select(self, rows: Int[Tensor, " rows"]) -> "Memory":
        """The memory of the given batch rows, in that order; rows may repeat (beam search)."""
        past = None if self.past is None else self.past.select(rows)
        return Memory(self.keys[rows], self.values[rows], self.mask[rows], past)


class Alignment(NamedTuple):
    """Where each query looked.

    `log_prob` is that of the drawn position and None where nothing was drawn; `entropy` (nats) is that of the distribution
    a hard choice came from; `ends` is where each query's chunk of memory ended, for an attention that reads chunks.
    A query that does not count (padding, or nowhere to look) has zero weights, log_prob and entropy.
    """

    weights: Float[Tensor, "batch query memory"]
    log_prob: Float[Tensor, "batch query"] | None = None
    entropy: Float[Tensor, "batch query"] | None = None
    ends: Float[Tensor, "batch query memory"] | None = None

    def keep(self, queries: Bool[Tensor, "batch query"]) -> "Alignment":
        """The same with every query outside `queries` zeroed."""
        return Alignment(
            self.weights.masked_fill(~queries.unsqueeze(-1), 0.0),
            None if self.log_prob is None else self.log_prob.masked_fill(~queries, 0.0),
            None if self.entropy is None else self.entropy.masked_fill(~queries, 0.0),
            None if self.ends is None else self.ends.masked_fill(~queries.unsqueeze(-1), 0.0),
        )

    def select(self, rows: Int[Tensor, " rows"]) -> "Alignment":
        """The alignment of the given batch rows, in that order (beam search)."""
        return Alignment._make(None if part is None else part[rows] for part in self)

    def apart(self) -> "Alignment":
        """Every query as a batch row of its own: [batch · query, 1, memory], an example's queries one after the other."""
        return Alignment._make(None if part is None else part.flatten(0, 1).unsqueeze(1) for part in self)

    @staticmethod
    def join(steps: "list[Alignment]") -> "Alignment":
        """One alignment from those of successive steps, along the query axis."""

        def along_queries(parts: list[Tensor | None]) -> Tensor | None:
            present = [part for part in parts if part is not None]
            return torch.cat(present, dim=1) if present else None

        return Alignment(
            torch.cat([step.weights for step in steps], dim=1),
            along_queries([step.log_prob for step in steps]),
            along_queries([step.entropy for step in steps]),
            along_queries([step.ends for step in steps]),
        )


class Attended(NamedTuple):
    """What attention returns: the weighted mean of the values, the alignment it came from, and the past for the next query.

    `past` is None for an attention that reads none; else a caller that asks query by query hands it on in the memory.
    """

    context: Float[Tensor, "batch query value"]
    alignment: Alignment
    past: Past | None = None


class Attention(nn.Module, ABC):
    """Any attention mechanism: prepares a memory once, then answers queries about it.

    Queries of one call do not depend on each other, unless `reads_past` says so: then they are answered one after the other.
    """

    query_dim: int  # what a learned baseline is sized by; nothing else asks for it
    reads_past: bool = False

    @abstractmethod
    def prepare(
        self,
        keys: Float[Tensor, "batch memory key"],
        values: Float[Tensor, "batch memory value"],
        mask: Bool[Tensor, "batch #query memory"],
    ) -> Memory:
        """The memory with all that does not depend on a query computed."""

    @abstractmethod
    def forward(self, query: Float[Tensor, "batch query query_dim"], memory: Memory) -> Attended:
        """What the queries find in a prepared memory."""

    def context(
        self, query: Float[Tensor, "batch query query_dim"], memory: Memory
    ) -> Float[Tensor, "batch query value"]:
        """The context alone, for callers that do not ask where it came from: the same, and cheaper where that can be."""
        return self(query, memory).context


@runtime_checkable
class AttentionFactory(Protocol):
    """What a model is given: an attention whose sizes alone are left open."""

    def __call__(self, query_dim: int, key_dim: int) -> Attention:
        """The attention."""
        ...


class Score(nn.Module, ABC):
    """How well each memory position fits a query: any real number, larger is better; -inf for one that is out of reach.

    A score that sets `reads_past` finds the past in the memory, and is asked one query at a time.
    """

    reads_past: bool = False

    def prepare(self, keys: Float[Tensor, "batch memory key"]) -> Float[Tensor, "batch memory prepared"]:
        """What the score needs of the keys, computed once a memory."""
        return keys

    @abstractmethod
    def forward(
        self, query: Float[Tensor, "batch query query_dim"], memory: Memory
    ) -> Float[Tensor, "batch query memory"]:
        """Scores of all positions; masked ones are ignored by the caller."""


class Selection(nn.Module, ABC):
    """How scores become weights. Scores of -inf must get a weight of exactly 0; no row is -inf throughout.

    A selection that sets `reads_past` is asked one query at a time, by `follow`.
    """

    reads_past: bool = False

    @abstractmethod
    def forward(self, scores: Float[Tensor, "batch query memory"]) -> Alignment:
        """Weights that sum to 1 over the memory."""

    def follow(self, scores: Float[Tensor, "batch 1 memory"], past: Past) -> Alignment:
        """The weights of the query that comes after `past`; the same as `forward` unless the selection reads it."""
        return self(scores)

    def check(self, score: Score) -> None:
        """Raises ValueError if this selection cannot be combined with `score`."""


@runtime_checkable
class ScoreFactory(Protocol):
    """A score whose sizes alone are left open."""

    def __call__(self, query_dim: int, key_dim: int) -> Score:
        """The score."""
        ...


@runtime_checkable
class SelectionFactory(Protocol):
    """A selection, built anew for each attention."""

    def __call__(self) -> Selection:
        """The selection."""
        ...
