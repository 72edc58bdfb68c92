"""The contract: what an attention reads and returns, and the one place where a score and a selection become an attention."""

from abc import ABC, abstractmethod
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn


class Memory(NamedTuple):
    """What is attended to: prepared once, read by every query. `mask` is True where one may look."""

    keys: Float[Tensor, "batch memory key"]
    values: Float[Tensor, "batch memory value"]
    mask: Bool[Tensor, "batch #query memory"]

    def select(self, rows: Int[Tensor, " rows"]) -> "Memory":
        """The memory of the given batch rows, in that order; rows may repeat (beam search)."""
        return Memory(self.keys[rows], self.values[rows], self.mask[rows])


class Alignment(NamedTuple):
    """Where each query looked.

    `log_prob` is that of the drawn position and None where nothing was drawn; `entropy` (nats) is that of the distribution
    a hard choice came from. A query that does not count (padding, or nowhere to look) has zero weights, log_prob and entropy.
    """

    weights: Float[Tensor, "batch query memory"]
    log_prob: Float[Tensor, "batch query"] | None = None
    entropy: Float[Tensor, "batch query"] | None = None

    def keep(self, queries: Bool[Tensor, "batch query"]) -> "Alignment":
        """The same with every query outside `queries` zeroed."""
        return Alignment(
            self.weights.masked_fill(~queries.unsqueeze(-1), 0.0),
            None if self.log_prob is None else self.log_prob.masked_fill(~queries, 0.0),
            None if self.entropy is None else self.entropy.masked_fill(~queries, 0.0),
        )

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
        )


class Attended(NamedTuple):
    """What attention returns: the weighted mean of the values, and the alignment it came from."""

    context: Float[Tensor, "batch query value"]
    alignment: Alignment


class Attention(nn.Module, ABC):
    """Any attention mechanism: prepares a memory once, then answers queries about it."""

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


@runtime_checkable
class AttentionFactory(Protocol):
    """What a model is given: an attention whose sizes alone are left open."""

    def __call__(self, query_dim: int, key_dim: int) -> Attention:
        """The attention."""
        ...


class Score(nn.Module, ABC):
    """How well each memory position fits a query: any real number, larger is better."""

    def prepare(self, keys: Float[Tensor, "batch memory key"]) -> Float[Tensor, "batch memory prepared"]:
        """What the score needs of the keys, computed once a memory."""
        return keys

    @abstractmethod
    def forward(
        self, query: Float[Tensor, "batch query query_dim"], memory: Memory
    ) -> Float[Tensor, "batch query memory"]:
        """Scores of all positions; masked ones are ignored by the caller."""


class Selection(nn.Module, ABC):
    """How scores become weights. Scores of -inf must get a weight of exactly 0; no row is -inf throughout."""

    @abstractmethod
    def forward(self, scores: Float[Tensor, "batch query memory"]) -> Alignment:
        """Weights that sum to 1 over the memory."""

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


class Composed(Attention):
    """A score × a selection: α = select(mask(score(q, K))), context = Σ_i α_i v_i.

    Masking happens here and nowhere else. A query that may look nowhere gets zero weights and a zero context.
    """

    def __init__(self, query_dim: int, key_dim: int, *, score: ScoreFactory, selection: SelectionFactory) -> None:
        super().__init__()
        self.score = score(query_dim, key_dim)
        self.selection = selection()
        self.selection.check(self.score)

    def prepare(
        self,
        keys: Float[Tensor, "batch memory key"],
        values: Float[Tensor, "batch memory value"],
        mask: Bool[Tensor, "batch #query memory"],
    ) -> Memory:
        """The memory with its keys prepared for the score."""
        return Memory(self.score.prepare(keys), values, mask)

    def forward(self, query: Float[Tensor, "batch query query_dim"], memory: Memory) -> Attended:
        """What the queries find in a prepared memory."""
        seen = memory.mask.any(dim=-1, keepdim=True)
        scores = self.score(query, memory).masked_fill(~memory.mask, -torch.inf)
        # A row of -inf alone has no distribution (and NaN gradients): it is selected from as if flat, then emptied.
        alignment: Alignment = self.selection(scores.masked_fill(~seen, 0.0))
        alignment = alignment.keep(seen.squeeze(-1).expand(query.shape[:2]))
        context = torch.bmm(alignment.weights.to(memory.values.dtype), memory.values)
        return Attended(context, alignment)
