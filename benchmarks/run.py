"""One cell from config to record: build, fit, test, write."""

import time
import traceback
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from omegaconf import DictConfig, OmegaConf

from attnbench.benchmarks import cost
from attnbench.benchmarks.alarms import undrawn
from attnbench.benchmarks.allocator import keep_freed_memory
from attnbench.benchmarks.cell import Cell, cell_of
from attnbench.benchmarks.claim import HEARTBEAT, Heartbeat, claim, forget
from attnbench.benchmarks.errors import explain
from attnbench.benchmarks.exhibit import Exhibit
from attnbench.benchmarks.history import History
from attnbench.benchmarks.outcome import outcome, write_outcome
from attnbench.benchmarks.progress import Progressing, Silent
from attnbench.benchmarks.provenance import provenance
from attnbench.benchmarks.record import Record, write_json, write_record
from attnbench.benchmarks.training import Built, build, fit, quiet, trainer
from attnbench.tasks.source import finding_line


class CellFailed(RuntimeError):
    """A cell did not finish; its record says why, and so does the message."""


def run_cell(config: DictConfig, *, progress: Progressing | None = None) -> Record:
    """Runs the cell unless its record says that it has finished; the record is on disk when this returns.

    Raises CellFailed, with the failure recorded; CellTaken where another process is running it; InputError and DataError,
    with nothing recorded, where the config names no cell.
    """
    cell = cell_of(config)
    earlier = cell.record()
    if earlier is not None and earlier.finished:
        return earlier
    with claim(cell.folder, cell.name):
        record = cell.record()  # by now another process may have run it
        if record is None or (not record.finished and retries(cell)):
            record = run_claimed(cell, progress or Silent())
        if record.finished:
            forget(cell.folder)
            return record
    raise CellFailed(f"{cell.name}: failed before: {record.error} (retry_failed=true runs it again)")


def retries(cell: Cell) -> bool:
    """Whether the cell's failure is to be tried again: `retry_failed` is true, or names this very failure by its stamp."""
    asked = cell.config.retry_failed
    return asked is True or asked == cell.stamp()


def run_claimed(cell: Cell, progress: Progressing) -> Record:
    """Runs the cell and writes its record. Raises CellFailed."""
    try:
        with quiet():
            record = train_and_test(cell, Heartbeat(cell.folder, progress))
    except Exception as error:
        write_json(cell.folder / "failure.json", {"traceback": traceback.format_exc()})
        write_failure(cell, explain(error))
        raise CellFailed(f"{cell.name}: {explain(error)}") from error
    write_record(cell.folder, record)
    return record


def write_failure(cell: Cell, cause: str) -> None:
    """Records that the cell failed, and of what."""
    write_record(cell.folder, blank(cell, status="failed", error=cause))
    (cell.folder / HEARTBEAT).unlink(missing_ok=True)


def blank(cell: Cell, **rest: Any) -> Record:
    """A record of what is known of the cell, and `rest`."""
    known = {key: getattr(cell, key) for key in ("task", "data", "model", "attention", "score", "selection", "seed")}
    origin = {
        **provenance(),
        "code": cell.code,
        "attention_code": cell.attention_code,
        "config": cell.resolved,
        "overrides": list(cell.overrides),
        "data_checksum": cell.data_checksum,
        "precision": cell.machine.resolved_precision,
        "devices": cell.machine.devices,
    }
    return Record(cell=cell.address, budget=cell.budget, provenance=origin, **known, **rest)


def train_and_test(cell: Cell, progress: Progressing) -> Record:
    """The record of a finished run, its files beside it."""
    started = time.perf_counter()
    keep_freed_memory()
    built = build(cell)
    for kind, finding in built.task.findings().items():
        progress.tell(f"{cell.data}: {finding_line(kind, finding)}")
    flops = cost.flops(built.attention, built.task)
    memory = cost.PeakMemory(gpu=cell.machine.gpu)  # from here: counting, in plain form, may need more than training
    failure: Record | None = None
    try:
        logger = built.sink.open(cell, primary=built.task.primary, better=built.task.better)
        history, epoch = fit(cell, built, logger, progress)
        testing = time.perf_counter()
        trainer(cell, logger=logger, callbacks=[], devices=1).test(built.lit, datamodule=built.task.data, verbose=False)
        spent = {
            "parameters": cost.parameters(built.lit.model),
            "attention_parameters": cost.attention_parameters(built.lit.model),
            "flops_per_example": flops,
            "step_seconds": history.step_seconds,
            "step_seconds_spread": history.step_seconds_spread,
            "symbols_per_second": history.symbols_per_second,
            "examples_per_second": history.examples_per_second,
            "predictions_per_second": built.lit.judged.predictions_per_second,
            "seconds": history.seconds + time.perf_counter() - testing,
            "peak_memory_bytes": memory.read(),
            "energy_joules": history.energy.joules,
        }
        shown = write_files(cell, built)
        record = finished(cell, built, history, epoch, {**spent, "total_seconds": time.perf_counter() - started})
        built.sink.deliver(record, shown, cell.folder)
    except BaseException as error:
        failure = blank(cell, status="failed", error=explain(error) if isinstance(error, Exception) else "interrupted")
        raise
    finally:
        built.sink.close(failure)
    return record


def finished(cell: Cell, built: Built, history: History, epoch: int, spent: Mapping[str, int | float | None]) -> Record:
    """The record of what came out of the epoch (from 1) that was chosen."""
    task, lit = built.task, built.lit
    validation = {n.removeprefix("val/"): v[epoch - 1] for n, v in history.curves.items() if n.startswith("val/")}
    found = outcome(task, lit.judged, lit.measures, cell.selection)
    found["alarms"] = [*found["alarms"], *undrawn(lit, cell.config.budget.epochs)]
    return blank(
        cell,
        status="finished",
        primary=task.primary,
        better=task.better,
        **found,
        validation={**validation, "epoch": epoch},
        curves=dict(history.curves),
        cost=spent,
        matching=None if built.matching is None else asdict(built.matching),
    )


def write_files(cell: Cell, built: Built) -> list[Exhibit]:
    """Writes what stands beside the record: config, what was said, examples with attention."""
    shown = write_outcome(cell.folder, built.task, built.lit.judged)
    (cell.folder / "config.yaml").write_text(OmegaConf.to_yaml(OmegaConf.create(cell.resolved)), "utf-8")
    (cell.folder / "last.ckpt").unlink(missing_ok=True)
    return shown
