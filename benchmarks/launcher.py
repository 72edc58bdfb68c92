"""Runs the cells of a sweep one after the other in this process, and ends with their comparison."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus, run_job, setup_globals
from hydra.types import HydraContext
from hydra.utils import instantiate
from omegaconf import DictConfig, open_dict
from rich.console import Console

from attnbench.benchmarks.cell import Cell, cell_of
from attnbench.benchmarks.compare import CompareError, compare
from attnbench.benchmarks.comparison import Comparison
from attnbench.benchmarks.errors import explain, one_line
from attnbench.benchmarks.listing import options
from attnbench.benchmarks.progress import Board, clock
from attnbench.benchmarks.record import Record, find_records
from attnbench.benchmarks.report import ReportPaths, terminal_table, write_report
from attnbench.benchmarks.run import run_cell
from attnbench.benchmarks.sink import Sink

Made = TypeVar("Made")


class CellsFailed(RuntimeError):
    """Some cells of a sweep failed; the message lists them, a line each."""


@dataclass
class Job:
    """One cell of a sweep: its config as Hydra composed it, and what came of it."""

    config: DictConfig
    cell: Cell
    record: Record | None = None
    error: Exception | None = None


class Sweep:
    """What `attnbench run -m` does: skips finished cells, goes on after a failed one, resumes an interrupted one.

    A sweep is laid out before its first cell starts, so what is wrong with the input is said before anything has run.
    """

    def __init__(self, context: HydraContext, config: DictConfig) -> None:
        self.context, self.config = context, config
        self.console = Console()

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Runs the cells that have not finished. Raises CellsFailed at the end if any failed."""
        setup_globals()
        configs = [self.job_config(list(o), initial_job_idx + i) for i, o in enumerate(job_overrides)]
        jobs = [Job(config, self.as_hydra_job(config, cell_of)) for config in configs]
        for job in jobs:
            record = job.cell.record()
            job.record = record if record is not None and record.finished else None
        jobs = self.once_each(jobs)
        todo = [job for job in jobs if job.record is None]
        self.console.print(f"{len(jobs)} cells: {len(jobs) - len(todo)} finished before, {len(todo)} to run")
        board = Board(self.console, len(todo))
        with board.live():
            for job in todo:
                self.run(job, board)
        self.conclude(jobs)
        return [returned(job) for job in jobs]

    def once_each(self, jobs: Sequence[Job]) -> list[Job]:
        """The jobs without those that ask for a cell again, perhaps by another of its mechanism's names."""
        names = options("attention")
        others = {f"{c.asked} is {c.attention}" for c in (job.cell for job in jobs) if c.asked != c.attention in names}
        unique = {job.cell.address: job for job in reversed(jobs)}
        again = f"; {len(jobs) - len(unique)} cells are asked for again" if len(unique) < len(jobs) else ""
        if others:
            self.console.print(f"other names: {', '.join(sorted(others))}{again}", markup=False, soft_wrap=True)
        return [job for job in jobs if unique[job.cell.address] is job]

    def job_config(self, overrides: list[str], number: int) -> DictConfig:
        """The composed config of one job."""
        config = self.context.config_loader.load_sweep_config(self.config, overrides)
        with open_dict(config):
            config.hydra.job.id = str(number)
            config.hydra.job.num = number
        return config

    def as_hydra_job(self, config: DictConfig, function: Callable[[DictConfig], Made]) -> Made:
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
                hydra_context=self.context,
                configure_logging=False,
            )
        finally:
            Singleton.set_state(state)
        if errors:
            raise errors[0]
        return results[0]

    def run(self, job: Job, board: Board) -> None:
        """Runs one cell and tells how it ended."""
        board.start(job.cell.name)
        try:
            job.record = self.as_hydra_job(job.config, lambda inner: run_cell(inner, progress=board))
        except Exception as error:
            job.error = error
            board.finish(f"FAILED: {explain(error)}")
        else:
            board.finish(told(job.record))

    def conclude(self, jobs: Sequence[Job]) -> None:
        """Compares what there is, then raises if something failed."""
        folders = [job.cell.folder for job in jobs if job.cell.record() is not None]
        try:
            comparison = compare(find_records(folders))
        except CompareError as error:
            self.console.print(f"no comparison: {one_line(str(error))}", markup=False, soft_wrap=True)
        else:
            paths = write_report(comparison, Path(self.config.out) / "report")
            self.console.print(terminal_table(comparison))
            self.console.print(f"report: {paths.html}", markup=False, highlight=False, soft_wrap=True)
            self.deliver(jobs[0], comparison, paths)
        failed = [f"  {explain(job.error)}" for job in jobs if job.error is not None]
        if failed:
            raise CellsFailed("\n".join([f"{len(failed)} of {len(jobs)} cells failed:", *failed]))

    def deliver(self, job: Job, comparison: Comparison, paths: ReportPaths) -> None:
        """Hands the comparison to where the cells' numbers went. What goes wrong there is told: the report stands."""
        try:
            sink: Sink = instantiate(job.config.logger)
            said = sink.conclude(comparison, paths)
        except Exception as error:
            said = f"the comparison went nowhere besides its report: {explain(error)}"
        if said:
            self.console.print(said, markup=False, highlight=False, soft_wrap=True)


def returned(job: Job) -> JobReturn:
    """A job's result as Hydra wants it."""
    done = JobReturn(status=JobStatus.COMPLETED)
    done.return_value = job.record
    return done


def told(record: Record) -> str:
    """A finished cell in a few words."""
    value, seconds = record.measures[record.primary], record.cost["total_seconds"]
    reached = "no value" if value is None else f"{value:.2f}"
    return f"{record.primary} {reached}" + ("" if seconds is None else f" in {clock(seconds)}")
