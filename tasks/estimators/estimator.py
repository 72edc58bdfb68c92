"""The contract of estimators."""

from abc import ABC, abstractmethod
from typing import Any, NamedTuple

from jaxtyping import Float
from torch import Tensor, nn

from attnbench.tasks.base import Model, Output


class Estimate(NamedTuple):
    """A loss in nats a symbol, whose gradient trains the model, and the pass that it came from (the first of several)."""

    loss: Float[Tensor, ""]
    output: Output


class Estimator(nn.Module, ABC):
    """Runs the model on a batch, as often as it needs to, and says what to minimise."""

    def meet(self, model: Model) -> None:
        """Makes what depends on the model's sizes; called once, before training."""

    @abstractmethod
    def forward(self, model: Model, batch: Any, progress: float = 0.0) -> Estimate:
        """The loss on a batch, in training; `progress` is the share of training that is over."""
