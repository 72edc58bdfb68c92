"""Maximum likelihood."""

from typing import Any

from jaxtyping import Float
from torch import Tensor

from attnbench.tasks.base import Model, Output
from attnbench.tasks.estimators.estimator import Estimate, Estimator


def nats_a_symbol(output: Output) -> Float[Tensor, ""]:
    """Σ nll / Σ symbols (+ mean penalty)."""
    loss = output.nll.sum() / output.symbols.sum()
    return loss if output.penalty is None else loss + output.penalty.mean()


class Likelihood(Estimator):
    """Σ nll / Σ symbols (+ mean penalty): maximum likelihood. Scores behind a hard choice get no gradient from it."""

    def forward(self, model: Model, batch: Any, progress: float = 0.0) -> Estimate:
        """The loss of one pass."""
        output: Output = model(batch)
        return Estimate(nats_a_symbol(output), output)
