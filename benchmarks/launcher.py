"""A sweep: its cells laid out, run by a launcher, ended with their comparison."""

import contextlib
import time
from collections.abc import Sequence
from pathlib import Path

from hydra.core.utils import JobReturn, JobStatus, setup_globals
from hydra.types import HydraContext
from hydra.utils import instantiate
from omegaconf import DictConfig, open_dict
from rich.console import Console

from attnbench.benchmarks.claim import claimed, heartbeat
from attnbench.benchmarks.compare import CompareError, compare
from attnbench.benchmarks.comparison import Comparison
from attnbench.benchmarks.errors import InputError, explain, one_line
from attnbench.benchmarks.job import Job
from attnbench.benchmarks.launchers.launcher import Launcher
from attnbench.benchmarks.listing import options
from attnbench.benchmarks.progress import Board, clock
from attnbench.benchmarks.record import Record, find_records
from attnbench.benchmarks.report import ReportPaths, terminal_table, write_report
from attnbench.benchmarks.sink import Sink

EVERY = 1.0  # seconds between looks at cells that other processes are running


class CellsFailed(RuntimeError):
    """Some cells of a sweep failed; the message lists them, a line each."""


class Sweep:
    """What `attnbench run -m` does: skips finished cells, goes on after a failed one, resumes an interrupted one.

    A sweep is laid out before its first cell starts, so what is wrong with the input is said before anything has run. A cell
    that another process is running is left to it; the sweep comes back to it at the end and takes what has become of it.
    """

    def __init__(self, context: HydraContext, config: DictConfig) -> None:
        self.context, self.config = context, config
        self.console = Console()

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Runs the cells that have not finished. Raises CellsFailed at the end if any failed."""
        setup_globals()
        launcher = instantiate(self.config.launcher)
        if not isinstance(launcher, Launcher):
            raise InputError(f"launcher={self.config.launcher}: builds a {type(launcher).__name__}, not a Launcher")
        jobs = self.laid_out(job_overrides, initial_job_idx)
        todo = [job for job in jobs if not job.ended]
        counts = {"finished before": sum(job.record is not None for job in jobs), "to run": len(todo)}
        failed = len(jobs) - sum(counts.values())
        told = [f"{counts['finished before']} finished before", *([f"{failed} failed before"] if failed else [])]
        self.console.print(f"{len(jobs)} cells: {', '.join(told)}, {len(todo)} to run")
        if not (failed and self.config.fail_fast):
            board = Board(self.console, len(todo))
            with board.live():
                self.run(todo, launcher, board)
        self.conclude(jobs)
        return [returned(job) for job in jobs]

    def laid_out(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int = 0) -> list[Job]:
        """The cells that are asked for, each once, with what is known of them."""
        configs = [self.job_config(list(o), initial_job_idx + i) for i, o in enumerate(job_overrides)]
        return self.once_each([Job.of(config, self.context) for config in configs])

    def once_each(self, jobs: Sequence[Job]) -> list[Job]:
        """The jobs without those that ask for a cell again, perhaps by another of its mechanism's names."""
        names = options("attention")
        plain = [
            job.cell for job in jobs if not any(o.startswith(("attention/", "attention.")) for o in job.cell.overrides)
        ]
        others = {f"{cell.asked} is {cell.attention}" for cell in plain if cell.asked != cell.attention in names}
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

    def run(self, jobs: Sequence[Job], launcher: Launcher, board: Board) -> None:
        """Runs the cells and tells how each ended, those of other processes last."""
        now, elsewhere = list(jobs), list[Job]()
        while now or elsewhere:
            mine = [job for job in now if not claimed(job.cell.folder)]
            elsewhere += [job for job in now if job not in mine]
            with contextlib.closing(launcher.run(mine, board)) as ended:
                for job in ended if mine else ():
                    if job.taken:
                        elsewhere.append(job)
                    elif self.stops_at(job, board):
                        return
            now, elsewhere = self.awaited(elsewhere, board)
            for job in [job for job in now if job.ended]:
                now.remove(job)
                if self.stops_at(job, board):
                    return

    def stops_at(self, job: Job, board: Board) -> bool:
        """Tells how a cell ended, and says whether the sweep ends with it."""
        outcome = told(job.record) if job.record is not None else f"FAILED: {explain(job.error or CellsFailed())}"
        board.finish(outcome, job.cell.name)
        return bool(self.config.fail_fast and job.error)

    def awaited(self, jobs: Sequence[Job], board: Board) -> tuple[list[Job], list[Job]]:
        """Waits until other processes have let go of some cells: those, with what has been recorded; and the rest.

        A cell without a new record is to be run after all: its process was interrupted.
        """
        while jobs:
            free = [job for job in jobs if not claimed(job.cell.folder)]
            if free:
                for job in free:
                    job.look()
                return free, [job for job in jobs if job not in free]
            beat = heartbeat(jobs[0].cell.folder)
            board.name = jobs[0].cell.name
            board.advance(0.0 if beat is None else beat.share, "another process runs it")
            time.sleep(EVERY)
        return [], []

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
        left = sum(not job.ended for job in jobs)
        if failed:
            stopped = f" (fail_fast: {left} not run)" if left else ""
            raise CellsFailed("\n".join([f"{len(failed)} of {len(jobs)} cells failed{stopped}:", *failed]))

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
