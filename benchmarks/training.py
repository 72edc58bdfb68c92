"""Training a cell: what its config builds, fitted, interrupted runs resumed."""

import contextlib
import logging
import math
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytorch_lightning as pl
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from pytorch_lightning.callbacks import EMAWeightAveraging, ModelCheckpoint
from pytorch_lightning.loggers import Logger

from attnbench.benchmarks.cell import Cell
from attnbench.benchmarks.flops import Config
from attnbench.benchmarks.history import TRAINING_SHARE, History
from attnbench.benchmarks.kept import keeping
from attnbench.benchmarks.matching import Matching, match
from attnbench.benchmarks.progress import Progressing
from attnbench.benchmarks.sink import Sink
from attnbench.tasks.base import Task
from attnbench.tasks.initialization import apart
from attnbench.tasks.lit import LitTask
from attnbench.tasks.schedule import Schedule

PROBE = 4 * math.lcm(*range(1, 17))  # divisible by every number up to 16, and by 32 and 64
CHATTY = ("pytorch_lightning", "pytorch_lightning.utilities.rank_zero", "lightning.fabric", "sacrebleu")


class Built(NamedTuple):
    """What a cell's config builds; `attention` is the mechanism's config with its sizes as they were trained."""

    attention: Config
    matching: Matching | None
    task: Task
    lit: LitTask
    sink: Sink


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keeps Lightning's banners and sacrebleu's advice on tokenised text off the screen; errors still show."""
    loggers = [logging.getLogger(name) for name in CHATTY]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def build(cell: Cell) -> Built:
    """Everything that the cell's config describes. The random state is set first, so equal seeds start from equal values."""
    config = cell.config
    torch.manual_seed(config.seed)
    sink = instantiate(config.logger)
    task: Task = instantiate(config.task)
    attention, estimator = instantiate(config.attention), instantiate(config.estimator)
    # A probe refuses what cannot be combined before any data is read. It holds no numbers, and any usual heads divide its size.
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        attention(PROBE, PROBE)
    chosen, matching = mechanism(cell, task)
    model = task.model(apart(instantiate(chosen)))
    schedule = Schedule(config.budget.schedule, config.budget.warmup)
    lit = LitTask(task, model, instantiate(config.optimizer), estimator, seed=config.seed, schedule=schedule)
    return Built(chosen, matching, task, lit, sink)


def mechanism(cell: Cell, task: Task) -> tuple[Config, Matching | None]:
    """The cell's mechanism with all its sizes: as its config gives them, or matched to the reference's budget."""
    attention = OmegaConf.to_container(cell.config.attention, resolve=True)
    assert isinstance(attention, dict)
    given = {str(key): value for key, value in attention.items()}
    if cell.reference is None:
        return given, None
    budget = cell.config.budget
    return match(given, task, by=budget.match, reference=budget.reference, standard=cell.reference)


def trainer(
    cell: Cell, *, logger: Logger | None, callbacks: list[pl.Callback], devices: int, **limits: int
) -> pl.Trainer:
    """A Lightning trainer as the cell's machine wants it, for the budget's epochs unless `limits` says otherwise."""
    machine = cell.machine
    return pl.Trainer(
        accelerator=machine.kind,
        devices=devices,
        strategy=machine.strategy if devices > 1 else "auto",
        precision=machine.resolved_precision,  # type: ignore[arg-type]
        **{"max_epochs": cell.config.budget.epochs, **limits},
        gradient_clip_val=cell.config.budget.gradient_clip,
        logger=logger or False,
        callbacks=callbacks,
        default_root_dir=cell.folder,
        enable_checkpointing=any(isinstance(callback, ModelCheckpoint) for callback in callbacks),
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,  # the data module splits each batch itself
    )


def fit(cell: Cell, built: Built, logger: Logger | None, progress: Progressing) -> tuple[History, int]:
    """Trains, going on from an interrupted run's last epoch; the module then holds the values of the best epoch, told too."""
    history = History(progress, cell.config.budget.epochs)
    path = cell.folder / "last.ckpt"
    callbacks = [history, *keeping(cell, built.lit)]
    if cell.config.budget.averaging is not None:
        callbacks.append(EMAWeightAveraging(decay=cell.config.budget.averaging))
    training = trainer(cell, logger=logger, callbacks=callbacks, devices=cell.machine.devices)
    training.fit(
        built.lit, datamodule=built.task.data, ckpt_path=str(path) if readable(path) else None, weights_only=True
    )
    # Training on several devices happens in other processes: what they wrote down is read back from their checkpoint.
    history.load_state_dict(torch.load(path, map_location="cpu", weights_only=True)["callbacks"][history.state_key])
    chosen = torch.load(cell.folder / "best.ckpt", map_location="cpu", weights_only=True)
    built.lit.load_state_dict(chosen["state_dict"])
    progress.advance(TRAINING_SHARE, "testing")
    return history, chosen["epoch"] + 1


def readable(checkpoint: Path) -> bool:
    """Whether a checkpoint is there and whole; a damaged one is thrown away and training starts afresh."""
    if not checkpoint.exists():
        return False
    try:
        torch.load(checkpoint, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, OSError, ValueError):
        checkpoint.unlink()
        return False
    return True
