"""Local attention with a predicted position, in the paper's own form."""

from jaxtyping import Float
from torch import Tensor

from attnbench.attention.composed import Composed
from attnbench.attention.core import Alignment, Memory, ScoreFactory, SelectionFactory
from attnbench.attention.score.window import PredictedWindow
from attnbench.attention.selection.softmax import Softmax


class Damped(Composed):
    """α_s = softmax_s(score(q, K) where |s - p| ≤ D) · exp(-(s - p)² / 2σ²), σ = D/2. Luong et al. 2015, eq. 10 (local-p).

    The Gaussian damps weights that are already normalised: they sum to less than 1, and the context is the smaller the
    farther the predicted p is from where the score would look. D is `half_width`; `PredictedWindow` says how p is
    found. As a score that any selection renormalises, the same is attention/score=local_p.
    """

    def __init__(
        self,
        query_dim: int,
        key_dim: int,
        *,
        score: ScoreFactory,
        selection: SelectionFactory,
        half_width: int = 10,
    ) -> None:
        super().__init__(query_dim, key_dim, score=score, selection=selection)
        if not isinstance(self.selection, Softmax):
            raise ValueError(
                f"selection={type(self.selection).__name__} cannot go with Damped, which damps the weights of softmax; "
                "use selection=softmax, or attention/score=local_p, which goes with every selection"
            )
        self.window = PredictedWindow(query_dim, half_width)

    def align(self, query: Float[Tensor, "batch query query_dim"], memory: Memory) -> Alignment:
        """Where the queries look."""
        near, log_gaussian = self.window(query, memory)
        alignment = super().align(query, near)
        return alignment._replace(weights=alignment.weights * log_gaussian.exp().to(alignment.weights.dtype))
