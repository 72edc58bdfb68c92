"""The no-attention control."""

from jaxtyping import Float
from torch import Tensor

from attnbench.attention.core import Alignment, Score, Selection
from attnbench.attention.score.none import NoScore


class Uniform(Selection):
    """α_i = 1/n over the n positions that may be seen: the mean of the memory, whatever the query.

    It reads no scores, so it takes the score `none` alone: any other would be computed and its parameters never trained.
    """

    def forward(self, scores: Float[Tensor, "batch query memory"]) -> Alignment:
        """Equal weights wherever the score is not -inf."""
        seen = (scores != float("-inf")).to(scores.dtype)
        return Alignment(seen / seen.sum(dim=-1, keepdim=True))

    def check(self, score: Score) -> None:
        """Raises ValueError unless the score is `none`."""
        if not isinstance(score, NoScore):
            raise ValueError(
                f"selection=uniform reads no scores and cannot go with score {type(score).__name__}; "
                "use attention=uniform, or attention/score=none"
            )
