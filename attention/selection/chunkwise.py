"""Soft attention to a chunk of memory that moves on and never back."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from attnbench.attention.core import Alignment, Past, Score, Selection
from attnbench.attention.selection.monotonic import Monotonic
from attnbench.attention.selection.refusal import refuse_no_score


class Chunkwise(Selection):
    """Softmax over the `width` positions that end where a monotonic head stops: MoChA. Chiu & Raffel 2018, §2.3-2.4.

    β_j = Σ_{k=j}^{j+w-1} α_k exp(e_j) / Σ_{l=k-w+1}^{k} exp(e_l) with α of `Monotonic`: expected in training, one-hot or zero
    otherwise. The paper gives the head and the chunk a score each; here one score serves both. Masked positions inside
    a chunk count as absent. α is returned as `ends`, which the next query starts from.
    """

    reads_past = True

    def __init__(self, *, width: int, offset: float = -2.0, noise: float = 1.0) -> None:
        super().__init__()
        if width < 1:
            raise ValueError(f"width={width}: must be at least 1")
        self.width = width
        self.head = Monotonic(offset=offset, noise=noise)

    def forward(self, scores: Float[Tensor, "batch query memory"]) -> Alignment:
        """Weights of queries that each come first."""
        return self.follow(scores, Past.none(scores[:, 0]))

    def follow(self, scores: Float[Tensor, "batch query memory"], past: Past) -> Alignment:
        """Weights of a query that comes after `past`."""
        ends = self.head.follow(scores, past).weights
        return Alignment(self.spread(scores, ends), ends=ends)

    def spread(
        self, scores: Float[Tensor, "batch query memory"], ends: Float[Tensor, "batch query memory"]
    ) -> Float[Tensor, "batch query memory"]:
        """Each end's share, spread over its chunk."""
        exact = scores.to(torch.promote_types(scores.dtype, torch.float32))
        seen, lowest, more = scores != -torch.inf, torch.finfo(exact.dtype).min / 2, self.width - 1
        exact = exact.masked_fill(~seen, lowest)  # a chunk of -inf alone would have NaN gradients
        chunks = functional.pad(exact, (more, 0), value=lowest).unfold(-1, self.width, 1).logsumexp(dim=-1)
        # Position j lies in the chunks that end at j, ..., j + w - 1; past the memory's end there are none: exp(-inf) = 0.
        sizes = functional.pad(chunks, (0, more), value=torch.inf).unfold(-1, self.width, 1)
        shares = functional.pad(ends.to(exact.dtype), (0, more)).unfold(-1, self.width, 1)
        weights = (shares * (exact.unsqueeze(-1) - sizes).exp()).sum(dim=-1)
        return weights.masked_fill(~seen, 0.0).to(scores.dtype)

    def check(self, score: Score) -> None:
        """Raises ValueError if the score is `none`, which leaves nothing to stop by."""
        refuse_no_score("chunkwise", score)
