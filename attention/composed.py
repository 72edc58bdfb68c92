"""The one place where a score and a selection become an attention."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from attnbench.attention.core import Alignment, Attended, Attention, Memory, Past, ScoreFactory, SelectionFactory


class Composed(Attention):
    """A score × a selection: α = select(mask(score(q, K))), context = Σ_i α_i v_i.

    Masking happens here and nowhere else. A query that may look nowhere gets zero weights and a zero context. Where score
    or selection read the past, queries are answered one after the other, each in the light of those before.
    """

    def __init__(self, query_dim: int, key_dim: int, *, score: ScoreFactory, selection: SelectionFactory) -> None:
        super().__init__()
        self.query_dim = query_dim
        self.score = score(query_dim, key_dim)
        self.selection = selection()
        self.selection.check(self.score)
        self.reads_past = self.score.reads_past or self.selection.reads_past

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
        if not self.reads_past:
            return self.mix(self.align(query, memory), memory)
        past = memory.past or Past.none(torch.zeros_like(memory.mask[:, 0], dtype=query.dtype))
        steps: list[Alignment] = []
        for index, asked in enumerate(query.split(1, dim=1)):
            mask = memory.mask if memory.mask.shape[1] == 1 else memory.mask[:, [index]]
            steps.append(self.align(asked, memory._replace(mask=mask, past=past)))
            past = past.after(steps[-1])
        return self.mix(Alignment.join(steps), memory)._replace(past=past)

    def align(self, query: Float[Tensor, "batch query query_dim"], memory: Memory) -> Alignment:
        """Where the queries look."""
        scores = self.score(query, memory).masked_fill(~memory.mask, -torch.inf)
        seen = (scores != -torch.inf).any(dim=-1)
        # A row of -inf alone has no distribution (and NaN gradients): it is selected from as if flat, then emptied.
        scores = scores.masked_fill(~seen.unsqueeze(-1), 0.0)
        alignment = self.selection(scores) if memory.past is None else self.selection.follow(scores, memory.past)
        return alignment.keep(seen)

    @staticmethod
    def mix(alignment: Alignment, memory: Memory) -> Attended:
        """The values' mean under the alignment."""
        return Attended(torch.bmm(alignment.weights.to(memory.values.dtype), memory.values), alignment)
