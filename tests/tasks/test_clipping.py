"""Gradients are brought down to the limit, whichever optimizer takes the step."""

from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from torch import nn

from attnbench.tasks.lit import CONSTANT, LitTask


def module(**options: Any) -> LitTask:
    """One weight, and Adam."""
    lit = LitTask.__new__(LitTask)
    pl.LightningModule.__init__(lit)
    lit.weight = nn.Parameter(torch.zeros(4))
    lit.optimizer, lit.schedule = partial(torch.optim.Adam, lr=0.1, **options), CONSTANT
    return lit


@pytest.mark.parametrize(("limit", "norm"), [(1.0, 1.0), (100.0, 10.0), (None, 10.0)])
def test_the_norm_is_at_most_the_limit(limit: float | None, norm: float) -> None:
    lit = module(fused=True)
    lit.weight.grad = torch.full((4,), 5.0)
    lit.configure_gradient_clipping(lit.optimizer(lit.parameters()), limit)
    assert lit.weight.grad.norm().item() == pytest.approx(norm, rel=1e-4)


def test_a_fused_optimizer_is_refused_where_gradients_are_scaled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LitTask, "trainer", SimpleNamespace(precision="bf16-mixed"))
    assert isinstance(module(fused=True).configure_optimizers(), torch.optim.Adam)
    monkeypatch.setattr(LitTask, "trainer", SimpleNamespace(precision="16-mixed"))
    assert isinstance(module(fused=False).configure_optimizers(), torch.optim.Adam)
    with pytest.raises(ValueError, match=r"^optimizer.fused=true: .* 16-mixed; give optimizer.fused=false$"):
        module(fused=True).configure_optimizers()
