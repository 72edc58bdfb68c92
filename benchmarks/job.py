"""One cell of a sweep: its config as Hydra composed it, how to run it here or by a command, and what came of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from hydra.core.singleton import Singleton
from hydra.core.utils import run_job
from hydra.types import HydraContext
from omegaconf import DictConfig, open_dict

from attnbench.benchmarks.cell import Cell, cell_of
from attnbench.benchmarks.claim import CellTaken, claimed
from attnbench.benchmarks.progress import Progressing
from attnbench.benchmarks.record import Record
from attnbench.benchmarks.run import CellFailed, run_cell, write_failure

Made = TypeVar("Made")


def as_hydra_job(config: DictConfig, context: HydraContext, function: Callable[[DictConfig], Made]) -> Made:
    """What a function makes of a config inside a Hydra job. Raises what it raises."""
    results: list[Made] = []
    errors: list[Exception] = []

    def kept(inner: DictConfig) -> None:
        try:
            results.append(function(inner))
        except Exception as error:
            errors.append(error)

    state = Singleton.get_state()
    try:
        run_job(
            task_function=kept,
            config=config,
            job_dir_key="hydra.sweep.dir",
            job_subdir_key="hydra.sweep.subdir",
            hydra_context=context,
            configure_logging=False,
        )
    finally:
        Singleton.set_state(state)
    if errors:
        raise errors[0]
    return results[0]


@dataclass
class Job:
    """A cell that a sweep asks for. At most one of `record` and `error` is there; `taken`: another process has the cell."""

    config: DictConfig
    context: HydraContext
    cell: Cell
    record: Record | None = None
    error: Exception | None = None
    taken: bool = False
    stamp: int = field(init=False)  # of the record that the sweep has found

    def __post_init__(self) -> None:
        """Takes the record if it is a finished one. A failure is tried again only if it is the one that is known now."""
        self.stamp = self.cell.stamp()
        found = self.cell.record()
        again = bool(self.config.retry_failed)
        if found is not None and found.finished:
            self.record = found
        elif found is not None and not again:
            self.error = CellFailed(f"{self.cell.name}: failed before: {found.error} (retry_failed=true runs it again)")
        with open_dict(self.config):
            self.config.retry_failed = self.stamp if again and not self.ended else False

    @classmethod
    def of(cls, config: DictConfig, context: HydraContext) -> "Job":
        """The job of a composed config. Raises InputError and DataError for what cannot be right."""
        return cls(config, context, as_hydra_job(config, context, cell_of))

    @property
    def ended(self) -> bool:
        """Whether it is known what became of the cell."""
        return self.record is not None or self.error is not None

    @property
    def devices(self) -> int:
        """How many GPUs the cell uses."""
        return self.cell.machine.devices if self.cell.machine.gpu else 0

    @property
    def words(self) -> list[str]:
        """What behind `attnbench run` runs this cell alone."""
        overrides = self.config.hydra.overrides
        return [*overrides.hydra, *overrides.task, "hydra.mode=RUN", f"retry_failed={self.config.retry_failed}"]

    def run(self, progress: Progressing) -> None:
        """Runs the cell in this process."""
        self.taken = False
        try:
            self.record = as_hydra_job(self.config, self.context, lambda inner: run_cell(inner, progress=progress))
        except CellTaken:
            self.taken = True
        except Exception as error:
            self.error = error

    def look(self) -> None:
        """Takes what another process has recorded since the sweep began, if it has."""
        self.taken = False
        found = self.cell.record()
        if found is not None and found.finished:
            self.record = found
        elif found is not None and self.cell.stamp() != self.stamp:
            self.error = CellFailed(f"{self.cell.name}: {found.error}")

    def died(self, cause: str, *, recorded: bool) -> None:
        """Its process ended without a word."""
        if recorded and not claimed(self.cell.folder):
            write_failure(self.cell, cause)
        self.error = CellFailed(f"{self.cell.name}: {cause}")
