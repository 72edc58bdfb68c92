"""Which epoch of a run is kept: the best on validation among those whose mechanism was trained as what it is."""

from collections.abc import Sequence
from typing import NamedTuple

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


class Choice(NamedTuple):
    """The best epoch by a measure of validation, from the epoch `first` (from 1) on."""

    measure: str
    better: str  # higher or lower
    first: int

    @property
    def mode(self) -> str:
        """As Lightning calls it."""
        return "max" if self.better == "higher" else "min"

    def epoch(self, curve: Sequence[float]) -> int:
        """The chosen epoch, from 1, of the measure's values epoch by epoch; the earliest of equals."""
        late = curve[self.first - 1 :]
        return self.first + late.index(max(late) if self.better == "higher" else min(late))

    def callbacks(self, cell: Cell) -> list[pl.Callback]:
        """What keeps the chosen epoch's checkpoint, and ends training where the budget has patience."""
        chosen: list[pl.Callback] = [Best(self, cell)]
        if cell.config.budget.patience is not None:
            chosen.append(Patience(self, cell.config.budget.patience))
        return chosen


def choice(cell: Cell, lit: LitTask) -> Choice:
    """How the cell's epoch is chosen. What never draws has no better epoch than any other, and an alarm (`alarms`)."""
    first = first_drawn(lit, cell.config.budget.epochs)
    return Choice(f"val/{lit.task.primary}", lit.task.better, first or 1)


class Best(ModelCheckpoint):
    """Keeps the chosen epoch in `best.ckpt`."""

    def __init__(self, choice: Choice, cell: Cell) -> None:
        super().__init__(
            dirpath=cell.folder,
            filename="best",
            monitor=choice.measure,
            mode=choice.mode,
            save_on_train_epoch_end=True,
            enable_version_counter=False,
        )
        self.choice = choice

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Looks at the epochs that may be chosen."""
        if trainer.current_epoch + 1 >= self.choice.first:
            super().on_train_epoch_end(trainer, pl_module)


class Patience(EarlyStopping):
    """Ends training when the measure has not improved for `epochs` epochs, of those that may be chosen."""

    def __init__(self, choice: Choice, epochs: int) -> None:
        super().__init__(choice.measure, patience=epochs, mode=choice.mode)
        self.choice = choice

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Looks at the epochs that may be chosen."""
        if trainer.current_epoch + 1 >= self.choice.first:
            super().on_validation_end(trainer, pl_module)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """The same, where validation is part of the training epoch."""
        if trainer.current_epoch + 1 >= self.choice.first:
            super().on_train_epoch_end(trainer, pl_module)
