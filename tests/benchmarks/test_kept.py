"""The epoch that is kept is the best of those that trained the mechanism itself."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from attnbench.attention.selection.hard import Hard
from attnbench.attention.selection.softmax import Softmax
from attnbench.benchmarks.cli import main
from attnbench.benchmarks.kept import first_drawn
from attnbench.benchmarks.record import find_records
from attnbench.tasks.estimators import Likelihood, Reinforce


@pytest.mark.parametrize(
    ("first", "hold", "last", "epoch"),
    [
        (1.0, 0.5, 0.5, 7),  # the coin is tossed from the middle of training on
        (1.0, 0.1, 0.5, 2),
        (1.0, 0.0, 0.0, 1),
        (0.5, 0.0, 0.5, 1),
        (0.0, 0.5, 1.0, 1),  # drawn first of all
        (1.0, 0.5, 1.0, None),
        (1.0, 1.0, 0.0, None),
    ],
)
def test_the_first_epoch_with_a_draw_follows_from_the_shares(
    unchecked_types: None, first: float, hold: float, last: float, epoch: int | None
) -> None:
    estimator = Reinforce(expected_first=first, expected_hold=hold, expected_last=last)
    lit: Any = SimpleNamespace(estimator=estimator, model=nn.Sequential(Hard()))
    assert first_drawn(lit, 12) == epoch


def test_what_draws_nothing_may_be_chosen_from_the_first_epoch_on(unchecked_types: None) -> None:
    soft: Any = SimpleNamespace(estimator=Reinforce(), model=nn.Sequential(Softmax()))
    plain: Any = SimpleNamespace(estimator=Likelihood(), model=nn.Sequential(Hard()))
    assert first_drawn(soft, 12) == first_drawn(plain, 12) == 1


@pytest.mark.parametrize(
    ("overrides", "trained", "kept"),
    [
        (["attention=additive_hard", "budget.epochs=4"], 4, 3),
        (["attention=additive_soft", "budget.epochs=2"], 2, 1),
        (["attention=additive_hard", "budget.epochs=6", "budget.patience=1"], 5, 4),
    ],
)
def test_a_run_keeps_no_epoch_before_the_first_draw(
    tmp_path: Path, overrides: list[str], trained: int, kept: int
) -> None:
    """Nothing is learned, so every epoch is as good as the first; the first that may be chosen is kept."""
    small = ["task.data.sizes={train: 16, validation: 8, test: 8}", "budget.width=8", "trainer=cpu", f"out={tmp_path}"]
    main(["run", *small, *overrides, "estimator.expected_hold=0.5", "budget.learning_rate=1e-12"])
    ((folder, record),) = find_records([tmp_path]).items()
    assert len(record.curves["val/bleu"]) == trained
    assert record.validation["epoch"] == kept
    assert torch.load(folder / "best.ckpt", weights_only=True)["epoch"] + 1 == kept
    assert record.validation["bleu"] == record.curves["val/bleu"][kept - 1]
    assert "drawn" not in " ".join(record.alarms)
