"""One cell from config to record: build, fit, test, write."""

import contextlib
import logging
import time
import traceback
import warnings
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import pytorch_lightning as pl
import torch
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.callbacks import ModelCheckpoint

from attnbench.benchmarks import cost
from attnbench.benchmarks.cell import Cell, cell_of
from attnbench.benchmarks.errors import explain
from attnbench.benchmarks.exhibit import Exhibit, exhibits
from attnbench.benchmarks.history import TRAINING_SHARE, History
from attnbench.benchmarks.progress import Progressing, Silent
from attnbench.benchmarks.provenance import provenance
from attnbench.benchmarks.record import Record, write_json, write_record
from attnbench.benchmarks.sink import Sink
from attnbench.tasks.base import Task
from attnbench.tasks.initialization import apart
from attnbench.tasks.lit import LitTask

EXHIBITS = 8


class CellFailed(RuntimeError):
    """A cell did not finish; its record says why, and so does the message."""


class Built(NamedTuple):
    """What a config builds."""

    task: Task
    lit: LitTask
    sink: Sink


def run_cell(config: DictConfig, *, progress: Progressing | None = None) -> Record:
    """Runs the cell unless its record says that it has finished; the record is on disk when this returns.

    Raises CellFailed, with the failure recorded; InputError and DataError, with nothing recorded, where the config names no cell.
    """
    cell = cell_of(config)
    earlier = cell.record()
    if earlier is not None and (earlier.finished or not config.retry_failed):
        if earlier.finished:
            return earlier
        raise CellFailed(f"{cell.name}: failed before: {earlier.error} (retry_failed=true runs it again)")
    try:
        with quiet_lightning():
            record = train_and_test(cell, progress or Silent())
    except Exception as error:
        write_json(cell.folder / "failure.json", {"traceback": traceback.format_exc()})
        write_record(cell.folder, blank(cell, status="failed", error=explain(error)))
        raise CellFailed(f"{cell.name}: {explain(error)}") from error
    write_record(cell.folder, record)
    return record


@contextlib.contextmanager
def quiet_lightning() -> Iterator[None]:
    """Keeps Lightning's banners and hints off the screen; its errors still show."""
    logger = logging.getLogger("pytorch_lightning")
    level = logger.level
    logger.setLevel(logging.ERROR)
    for name in ("pytorch_lightning.utilities.rank_zero", "lightning.pytorch.utilities.rank_zero", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    logger.setLevel(level)


def blank(cell: Cell, **rest: Any) -> Record:
    """A record of what is known of the cell, and `rest`."""
    known = {key: getattr(cell, key) for key in ("task", "data", "model", "attention", "score", "selection", "seed")}
    origin = {
        **provenance(),
        "config": cell.resolved,
        "overrides": list(cell.overrides),
        "data_checksum": cell.data_checksum,
        "precision": cell.machine.resolved_precision,
        "devices": cell.machine.devices,
    }
    return Record(cell=cell.address, budget=cell.budget, provenance=origin, **known, **rest)


def build(config: DictConfig) -> Built:
    """Everything that the config describes. The random state is set first, so equal seeds start from equal values."""
    torch.manual_seed(config.seed)
    sink = instantiate(config.logger)
    task: Task = instantiate(config.task)
    attention, estimator = instantiate(config.attention), instantiate(config.estimator)
    # A probe of odd sizes refuses what cannot be combined before any data is read.
    with torch.random.fork_rng(devices=[]):
        attention(4, 4)
    model = task.model(apart(attention))
    lit = LitTask(task, model, instantiate(config.optimizer), estimator, seed=config.seed)
    return Built(task, lit, sink)


def train_and_test(cell: Cell, progress: Progressing) -> Record:
    """The record of a finished run, its files beside it."""
    started = time.perf_counter()
    memory = cost.PeakMemory(gpu=cell.machine.gpu)
    built = build(cell.config)
    failed = True
    try:
        logger = built.sink.open(cell, primary=built.task.primary, better=built.task.better)
        history, best = fit(cell, built, logger, progress)
        before_test = time.perf_counter()
        tester = trainer(cell, logger=logger or False, callbacks=[], devices=1)
        tester.test(built.lit, datamodule=built.task.data, verbose=False)
        record = finished(cell, built, history)
        spent = {
            "seconds": history.seconds + time.perf_counter() - before_test,
            "total_seconds": time.perf_counter() - started,
            "peak_memory_bytes": memory.read(),
        }
        record = Record(**{**asdict(record), "cost": {**record.cost, **spent}})
        shown = write_files(cell, built, best)
        built.sink.deliver(record, shown)
        failed = False
    finally:
        built.sink.close(failed=failed)
    return record


def trainer(cell: Cell, *, logger: Any, callbacks: list[pl.Callback], devices: int) -> pl.Trainer:
    """A Lightning trainer as the cell's machine wants it."""
    machine = cell.machine
    return pl.Trainer(
        accelerator=machine.kind,
        devices=devices,
        strategy=machine.strategy if devices > 1 else "auto",
        precision=machine.resolved_precision,  # type: ignore[arg-type]
        max_epochs=cell.config.budget.epochs,
        gradient_clip_val=cell.config.budget.gradient_clip,
        logger=logger,
        callbacks=callbacks,
        default_root_dir=cell.folder,
        enable_checkpointing=any(isinstance(callback, ModelCheckpoint) for callback in callbacks),
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        reload_dataloaders_every_n_epochs=1,  # each epoch's order comes from its number
        use_distributed_sampler=False,  # the data module splits each batch itself
    )


def fit(cell: Cell, built: Built, logger: Any, progress: Progressing) -> tuple[History, Path]:
    """Trains, going on from an interrupted run's last epoch; the module then holds the best epoch's values."""
    history = History(progress, cell.config.budget.epochs)
    keep = ModelCheckpoint(
        dirpath=cell.folder,
        filename="best",
        monitor=f"val/{built.task.primary}",
        mode="max" if built.task.better == "higher" else "min",
        save_last=True,
        save_on_train_epoch_end=True,
        enable_version_counter=False,
    )
    last = cell.folder / "last.ckpt"
    training = trainer(cell, logger=logger or False, callbacks=[history, keep], devices=cell.machine.devices)
    training.fit(built.lit, datamodule=built.task.data, ckpt_path=str(last) if readable(last) else None, weights_only=True)
    best = cell.folder / "best.ckpt"
    built.lit.load_state_dict(torch.load(best, map_location="cpu", weights_only=True)["state_dict"])
    progress.advance(TRAINING_SHARE, "testing")
    return history, best


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


def finished(cell: Cell, built: Built, history: History) -> Record:
    """The record, but for what is known only when all is over."""
    task, lit = built.task, built.lit
    curve = history.curves[f"val/{task.primary}"]
    chosen = curve.index(max(curve) if task.better == "higher" else min(curve))
    validation = {n.removeprefix("val/"): v[chosen] for n, v in history.curves.items() if n.startswith("val/")}
    return blank(
        cell,
        status="finished",
        primary=task.primary,
        better=task.better,
        measures=dict(lit.measures),
        validation={**validation, "epoch": chosen + 1},
        attention_quality=lit.judged.quality.overall(),
        signatures=dict(task.signatures()),
        curves=dict(history.curves),
        cost={
            "parameters": cost.parameters(lit.model),
            "attention_parameters": cost.attention_parameters(lit.model),
            "step_seconds": history.step_seconds,
        },
    )


def write_files(cell: Cell, built: Built, best: Path) -> list[Exhibit]:
    """Writes what stands beside the record: config, predictions with per-example measures, examples with attention."""
    predictions = built.lit.judged.predictions
    shown = exhibits(predictions, EXHIBITS)
    write_json(cell.folder / "exhibits.json", [asdict(exhibit) for exhibit in shown])
    each = {**built.task.measure_each(predictions), "nll": built.lit.judged.nll_each}
    said = {
        "said": [text for prediction in predictions for text in prediction.said],
        "truth": [list(texts) for prediction in predictions for texts in prediction.truth],
        "each": {name: list(values) for name, values in each.items()},
        "attention_each": built.lit.judged.quality.each(),
    }
    write_json(cell.folder / "examples.json", said)
    (cell.folder / "config.yaml").write_text(OmegaConf.to_yaml(OmegaConf.create(cell.resolved)), "utf-8")
    (best.parent / "last.ckpt").unlink(missing_ok=True)
    return shown
