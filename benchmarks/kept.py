"""What is kept of a run's epochs: the best of those that trained the mechanism itself, and the latest, to go on from."""

from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import EarlyStopping, ModelCheckpoint

from attnbench.attention.selection.hard import Hard
from attnbench.benchmarks.cell import Cell
from attnbench.tasks.estimators import Reinforce
from attnbench.tasks.lit import LitTask


def first_drawn(lit: LitTask, epochs: int) -> int | None:
    """The first epoch (from 1) by whose end hard attention has been trained on a draw, None if none is; 1 of what never draws.

    Until then every batch reads the expected context (`estimator.expected_first=1` for `expected_hold` of training): what
    is trained is soft attention, and no result of hard attention.
    """
    estimator = lit.estimator
    if not isinstance(estimator, Reinforce) or not any(isinstance(module, Hard) for module in lit.model.modules()):
        return 1
    first, last = estimator.expected_first, estimator.expected_last
    drawn = (epoch for epoch in range(1, epochs + 1) if min(first, estimator.moved(epoch / epochs, first, last)) < 1)
    return next(drawn, None)


class Late(pl.Callback):
    """A callback that looks at epochs' ends from the epoch `first` (from 1) on."""

    first = 1

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Passes over the epochs before."""
        if trainer.current_epoch + 1 >= self.first:
            super().on_train_epoch_end(trainer, pl_module)


class Best(Late, ModelCheckpoint):
    """Keeps the best epoch that may be chosen, the earliest of equals."""


class Patience(Late, EarlyStopping):
    """Ends training when the epochs that may be chosen have not become better for a while."""


def keeping(cell: Cell, lit: LitTask) -> list[pl.Callback]:
    """Keeps `best.ckpt`, by the primary measure on validation, and `last.ckpt`; ends training where the budget has patience.

    Of hard attention the best is looked for from the first draw on; where nothing is ever drawn no epoch is better than another,
    and there is an alarm (`alarms`).
    """
    budget = cell.config.budget
    by: dict[str, Any] = {"monitor": f"val/{lit.task.primary}", "mode": "max" if lit.task.better == "higher" else "min"}
    to: dict[str, Any] = {"dirpath": cell.folder, "save_on_train_epoch_end": True, "enable_version_counter": False}
    late: list[Late] = [Best(filename="best", **to, **by)]
    if budget.patience is not None:
        late.append(Patience(patience=budget.patience, check_on_train_epoch_end=True, **by))
    for callback in late:
        callback.first = first_drawn(lit, budget.epochs) or 1
    # Lightning's own save_last skips the epochs that are not best.
    return [*late, ModelCheckpoint(filename="last", **to)]
