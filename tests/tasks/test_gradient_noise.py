"""The measured variance of a gradient estimate, against one that is known."""

from functools import partial
from typing import Any

import pytest
import torch
from torch import nn

from attnbench.attention import Composed
from attnbench.attention.score.dot import Dot
from attnbench.attention.selection.hard import Hard
from attnbench.attention.selection.softmax import Softmax
from attnbench.tasks.base import Model, Output, Prediction
from attnbench.tasks.estimators import Reinforce
from attnbench.tasks.gradient_noise import gradient_noise


class Pointer(Model):
    """One query over four positions, each worth what it holds; nll = -worth of where it looked."""

    def __init__(self, selection: type) -> None:
        super().__init__()
        self.attention = Composed(4, 4, score=partial(Dot, project="never"), selection=selection)
        self.query = nn.Parameter(torch.tensor([0.3, -0.2, 0.5, 0.0]))
        self.worth = torch.tensor([1.0, -2.0, 0.5, 3.0])

    def forward(self, batch: Any) -> Output:
        keys = torch.eye(4).unsqueeze(0)
        values = self.worth.view(1, 4, 1)
        memory = self.attention.prepare(keys, values, torch.ones(1, 1, 4, dtype=torch.bool))
        context, alignment, _ = self.attention(self.query.view(1, 1, 4), memory)
        return Output(-context.view(1), torch.ones(1, dtype=torch.long), [alignment])

    def predict(self, batch: Any) -> Prediction:
        raise NotImplementedError


def reinforce(model: Model) -> Reinforce:
    estimator = Reinforce(reward="example", baseline="none", entropy_weight=0.0, expected_first=0.5).train()
    estimator.meet(model)
    return estimator


def known_variance(model: Pointer) -> float:
    """Σ_i Var of R_s (1_s - p), by enumeration."""
    p = torch.softmax(model.query.detach(), dim=-1)
    gradients = model.worth.unsqueeze(1) * (torch.eye(4) - p)
    mean = p @ gradients
    return (p @ (gradients - mean).square()).sum().item()


def test_variance_is_that_of_enumeration() -> None:
    torch.manual_seed(0)
    model = Pointer(Hard).train()
    found = gradient_noise(reinforce(model), model, None, seed=0, draws=600)
    assert found["gradient_variance"] == pytest.approx(known_variance(model), rel=0.15)


def test_variance_of_few_draws_is_unbiased() -> None:
    model = Pointer(Hard).train()
    estimator = reinforce(model)
    found = [gradient_noise(estimator, model, None, seed=seed, draws=3)["gradient_variance"] for seed in range(200)]
    assert sum(found) / len(found) == pytest.approx(known_variance(model), rel=0.15)


def test_measuring_changes_nothing() -> None:
    model = Pointer(Hard).train()
    estimator = Reinforce(baseline="moving_average").train()
    estimator.meet(model)
    estimator(model, None)
    random, state = torch.get_rng_state(), {n: v.clone() for n, v in estimator.state_dict().items()}
    gradient_noise(estimator, model, None, seed=3)
    assert torch.equal(random, torch.get_rng_state())
    assert all(torch.equal(value, state[name]) for name, value in estimator.state_dict().items())
    assert model.query.grad is None
    assert estimator.training


def test_soft_attention_has_none() -> None:
    model = Pointer(Softmax).train()
    assert gradient_noise(reinforce(model), model, None, seed=0) == {}
