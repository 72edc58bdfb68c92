"""Maximum likelihood."""

from typing import Any

from jaxtyping import Float
from torch import Tensor

from attnbench.tasks.base import Model, Output
from attnbench.tasks.estimators.estimator import Estimate, Estimator


def nats_a_symbol(output: Output, label_smoothing: float = 0.0) -> Float[Tensor, ""]:
    """(1 - ε) Σ nll / Σ symbols + ε Σ spread / Σ symbols (+ mean penalty). Label smoothing ε: Szegedy et al. 2016, §7.

    Raises ValueError where the model does not say how its likelihood is spread.
    """
    loss = output.nll.sum() / output.symbols.sum()
    if label_smoothing:
        if output.spread is None:
            raise ValueError(f"label_smoothing={label_smoothing}: this model has none; must be 0")
        loss = loss + label_smoothing * (output.spread - output.nll).sum() / output.symbols.sum()
    return loss if output.penalty is None else loss + output.penalty.mean()


def check_smoothing(label_smoothing: float) -> None:
    """Raises ValueError where there is no such share."""
    if not 0 <= label_smoothing < 1:
        raise ValueError(f"label_smoothing={label_smoothing}: must be from 0, which is none, to below 1")


class Likelihood(Estimator):
    """`nats_a_symbol`: maximum likelihood. Scores behind a hard choice get no gradient from it."""

    def __init__(self, *, label_smoothing: float = 0.0) -> None:
        super().__init__()
        check_smoothing(label_smoothing)
        self.label_smoothing = label_smoothing

    def forward(self, model: Model, batch: Any, progress: float = 0.0) -> Estimate:
        """The loss of one pass."""
        output: Output = model(batch)
        return Estimate(nats_a_symbol(output, self.label_smoothing), output)
