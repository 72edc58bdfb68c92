"""`attnbench speed training`: how fast a cell trains on this machine, and how near that is to what the machine could do."""

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import hydra
import numpy as np
import pytorch_lightning as pl
import torch
from rich.console import Console
from rich.table import Table

from attnbench.benchmarks.allocator import keep_freed_memory
from attnbench.benchmarks.arguments import Arguments
from attnbench.benchmarks.cell import Cell, cell_of
from attnbench.benchmarks.cost import PeakMemory
from attnbench.benchmarks.errors import InputError
from attnbench.benchmarks.flops import counted, model_of, plain
from attnbench.benchmarks.history import History
from attnbench.benchmarks.plugins import register
from attnbench.benchmarks.progress import Silent
from attnbench.benchmarks.provenance import provenance
from attnbench.benchmarks.record import write_json
from attnbench.benchmarks.speed.options import whole
from attnbench.benchmarks.speed.peak_rate import peak_rate
from attnbench.benchmarks.training import Built, build, quiet, trainer

BACKWARD = 2  # forward passes that a backward pass is counted as


@dataclass(frozen=True)
class TrainingSpeed:
    """What was measured. `flops_per_second` counts products alone, a step as three forward passes; None where nothing can be."""

    cell: str
    task: str
    data: str
    model: str
    attention: str
    precision: str
    steps: int
    symbols_per_second: float
    examples_per_second: float
    step_seconds: float
    step_quartiles: tuple[float, float]
    peak_memory_bytes: int | None
    flops_per_second: float | None
    matrix_flops_per_second: float
    provenance: dict[str, Any]

    @property
    def share(self) -> float | None:
        """The share of the machine's measured rate of matrix products."""
        return None if self.flops_per_second is None else self.flops_per_second / self.matrix_flops_per_second


class Warmed(History):
    """A run's diary that forgets its first steps."""

    def __init__(self, warm_up: int) -> None:
        super().__init__(Silent(), 1)
        self.warm_up = warm_up
        self.seen = 0

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """A step ends; with the last of the warm-up, all that was written so far goes."""
        super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)
        self.seen += 1
        if self.seen == self.warm_up:
            self.steps.clear()
            self.symbols, self.examples, self.working = 0, 0, 0.0


def training_speed(arguments: Sequence[str]) -> None:
    """Measures the cell that the command line asks for. Raises InputError."""
    words, overrides = parser().parse_known_args(list(arguments))
    steps, warm_up = whole("--steps", words.steps), whole("--warm-up", words.warm_up)
    wrong = [word for word in overrides if word.startswith("-")]
    if wrong:
        raise InputError(f"{wrong[0]}: no such option; see attnbench speed training --help")
    found: list[TrainingSpeed] = []
    failures: list[Exception] = []
    register()
    sys.argv = ["attnbench speed training", *overrides]
    with tempfile.TemporaryDirectory() as folder:
        sys.argv += [f"out={folder}", "hydra.mode=RUN"]  # one cell, though an experiment's own mode is that of sweeps

        def measure(config: Any) -> None:
            try:
                found.append(measured(cell_of(config), steps, warm_up))
            except Exception as error:  # Hydra would print it in a way of its own
                failures.append(error)

        hydra.main(version_base="1.3", config_path="pkg://attnbench.conf", config_name="run")(measure)()
    if failures:
        raise failures[0]
    (speed,) = found
    Console().print(table(speed))
    if words.out is not None:
        write_json(words.out, {**asdict(speed), "share": speed.share}, indent=1)
        Console().print(f"result: {words.out}", markup=False, highlight=False, soft_wrap=True)


def parser() -> Arguments:
    """The options, with their help."""
    made = Arguments(
        prog="attnbench speed training",
        description="Measures how fast a cell trains; everything else is KEY=VALUE as in attnbench run.",
    )
    made.add_argument("--steps", default="50", metavar="N", help="steps that are measured (default 50)")
    made.add_argument("--warm-up", default="10", metavar="N", help="steps before them (default 10)")
    made.add_argument("--out", type=Path, metavar="FILE", help="where the result goes, as JSON")
    return made


def measured(cell: Cell, steps: int, warm_up: int) -> TrainingSpeed:
    """The speed of a cell's training, validation left out."""
    keep_freed_memory()
    with quiet():
        built = build(cell)
        flops = flops_per_symbol(built)
        memory = PeakMemory(gpu=cell.machine.gpu)
        diary = Warmed(warm_up)
        limits = {"max_epochs": -1, "max_steps": steps + warm_up, "limit_val_batches": 0}
        trainer(cell, logger=None, callbacks=[diary], devices=cell.machine.devices, **limits).fit(
            built.lit, datamodule=built.task.data
        )
    assert diary.symbols_per_second is not None
    assert diary.examples_per_second is not None
    assert diary.step_seconds is not None
    low, high = np.quantile(diary.steps, (0.25, 0.75)).tolist()
    return TrainingSpeed(
        cell=cell.address,
        task=cell.task,
        data=cell.data,
        model=cell.model,
        attention=cell.attention,
        precision=cell.machine.resolved_precision,
        steps=len(diary.steps),
        symbols_per_second=diary.symbols_per_second,
        examples_per_second=diary.examples_per_second,
        step_seconds=diary.step_seconds,
        step_quartiles=(low, high),
        peak_memory_bytes=memory.read(),
        flops_per_second=None if flops is None else flops * diary.symbols_per_second,
        matrix_flops_per_second=peak_rate("cuda" if cell.machine.gpu else "cpu", cell.machine.resolved_precision),
        provenance={**provenance(), "overrides": list(cell.overrides), "config": cell.resolved},
    )


def flops_per_symbol(built: Built) -> float | None:
    """FLOPs of a training step for each symbol that it asks for, from the first training batch, which has its like in length."""
    batch = next(iter(built.task.data.train_dataloader()))
    model = model_of(plain(built.attention), built.task)
    try:
        flops = counted(model, batch)
    except (RuntimeError, ValueError):  # a mechanism for GPUs alone, a plain form that does not fit
        return None
    with torch.no_grad():
        symbols = model(batch).symbols
    return (1 + BACKWARD) * flops * len(symbols) / float(symbols.sum())


def table(speed: TrainingSpeed) -> Table:
    """What was measured, for a terminal."""
    shown = Table(title=f"{speed.task} ({speed.data}), {speed.model}, {speed.attention}, {speed.precision}")
    shown.add_column("measure")
    shown.add_column("value", justify="right")
    low, high = speed.step_quartiles
    memory = "–" if speed.peak_memory_bytes is None else f"{speed.peak_memory_bytes / 2**20:,.0f} MiB"
    rate, share = speed.flops_per_second, speed.share
    shown.add_row("target words a second", f"{speed.symbols_per_second:,.0f}")
    shown.add_row("examples a second", f"{speed.examples_per_second:,.1f}")
    shown.add_row("step, median and quartiles", f"{speed.step_seconds:.4f} s ({low:.4f} to {high:.4f})")
    shown.add_row("peak memory", memory)
    shown.add_row("products", "–" if rate is None else f"{rate / 1e9:,.1f} GFLOP/s")
    shown.add_row("largest matrix product", f"{speed.matrix_flops_per_second / 1e9:,.1f} GFLOP/s")
    shown.add_row("share of it", "–" if share is None else f"{share:.1%}")
    return shown
