"""A run's own diary: curves, training time, step times and energy, kept through interruptions, and its progress told."""

import time
from collections import defaultdict
from statistics import median, quantiles
from typing import Any

import pytorch_lightning as pl

from attnbench.benchmarks.energy import Energy
from attnbench.benchmarks.progress import Progressing
from attnbench.tasks.lit import LitTask, clock

TRAINING_SHARE = 0.95  # of a cell's time; the rest is building and testing


class History(pl.Callback):
    """One value an epoch of everything that is logged; seconds of training; seconds of every optimizer step.

    Words and examples a second count what training asked for, over steps and the loading between them, without validation.
    Energy is that of training with validation, as its seconds are.
    """

    def __init__(self, progress: Progressing, epochs: int) -> None:
        self.progress = progress
        self.epochs = epochs
        self.curves: dict[str, list[float]] = defaultdict(list)
        self.steps: list[float] = []
        self.seconds = 0.0
        self.resumed = time.perf_counter()
        self.step_started = 0.0
        self.symbols = 0
        self.examples = 0
        self.working = 0.0  # seconds of steps and of loading
        self.energy = Energy()
        self.stepped = 0.0  # when the last step ended, or the epoch began

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """The clock runs from here; what an interrupted run has done took no time in this one."""
        self.progress.skip(TRAINING_SHARE * trainer.current_epoch / self.epochs)
        self.energy.start(pl_module.device)
        self.resumed = time.perf_counter()

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Loading begins."""
        self.stepped = self.now(pl_module)

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """A step begins."""
        self.step_started = self.now(pl_module)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """A step ends."""
        ended = self.now(pl_module)
        self.steps.append(ended - self.step_started)
        self.working += ended - self.stepped
        self.stepped = ended
        self.energy.take()
        if isinstance(pl_module, LitTask):
            self.symbols += pl_module.symbols
            self.examples += pl_module.examples
        batches = float(trainer.num_training_batches)
        epochs = trainer.current_epoch + (batch_idx + 1) / batches
        doing = f"epoch {trainer.current_epoch + 1} of {self.epochs}, step {batch_idx + 1} of {batches:.0f}"
        self.progress.advance(TRAINING_SHARE * epochs / self.epochs, doing)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Keeps the epoch's values; validation is behind us."""
        for name, value in trainer.callback_metrics.items():
            self.curves[name].append(float(value))
        self.energy.take()
        self.seconds += time.perf_counter() - self.resumed
        self.resumed = time.perf_counter()

    @staticmethod
    def now(module: pl.LightningModule) -> float:
        """Seconds, by the clock of the module's device."""
        return clock(module.device)

    @property
    def step_seconds(self) -> float | None:
        """Median seconds of a step, None where none was taken."""
        return median(self.steps) if self.steps else None

    @property
    def step_seconds_spread(self) -> float | None:
        """Seconds from the lower to the upper quartile of steps, None where there are less than two."""
        if len(self.steps) < 2:
            return None
        low, _, high = quantiles(self.steps, n=4, method="inclusive")
        return high - low

    @property
    def symbols_per_second(self) -> float | None:
        """Symbols (words and sentence ends) that this device's training went through a second."""
        return self.symbols / self.working if self.working else None

    @property
    def examples_per_second(self) -> float | None:
        """Training examples that this device went through a second; one that was used twice counts twice."""
        return self.examples / self.working if self.working else None

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        kept = {"curves": dict(self.curves), "steps": self.steps, "seconds": self.seconds}
        kept |= {"symbols": self.symbols, "examples": self.examples}
        return {**kept, "working": self.working, "joules": self.energy.joules}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on from a checkpoint."""
        self.curves = defaultdict(list, state_dict["curves"])
        self.steps = list(state_dict["steps"])
        self.seconds = state_dict["seconds"]
        self.symbols, self.examples = state_dict["symbols"], state_dict["examples"]
        self.working = state_dict["working"]
        self.energy.joules = state_dict["joules"]
