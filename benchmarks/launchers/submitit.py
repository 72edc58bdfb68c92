"""Cells as jobs of submitit: of a SLURM cluster, or of this machine."""

import os
import time
from collections.abc import Generator, Mapping, Sequence
from typing import Any

from attnbench.benchmarks.errors import one_line
from attnbench.benchmarks.job import Job
from attnbench.benchmarks.launchers.apart import Call, Ended, at_least_one, need, run_apart
from attnbench.benchmarks.launchers.gpus import visible
from attnbench.benchmarks.launchers.launcher import Launcher
from attnbench.benchmarks.launchers.process import exit_code
from attnbench.benchmarks.progress import Board

EVERY = 0.5  # seconds between looks at the jobs


class Submitit(Launcher):
    """A job a cell, at most `n_jobs` at once, each with `threads` cores and the GPUs that its cell uses.

    `parameters` go to submitit as they are, such as slurm_partition. The sweep waits for its jobs and ends with their
    comparison; a job that the cluster ends is not recorded as failed: a later sweep goes on from its last epoch.
    """

    def __init__(
        self,
        *,
        cluster: str | None,
        n_jobs: int,
        threads: int,
        minutes: int,
        folder: str,
        parameters: Mapping[str, Any],
    ) -> None:
        need("submitit")
        at_least_one(n_jobs=n_jobs, threads=threads, minutes=minutes)
        self.cluster, self.n_jobs, self.threads, self.minutes = cluster, n_jobs, threads, minutes
        self.folder, self.parameters = folder, dict(parameters)

    def run(self, jobs: Sequence[Job], board: Board) -> Generator[Job, None, None]:
        """Submits them and waits."""
        return run_apart(jobs, board, self.ended)

    def ended(self, calls: Sequence[Call]) -> Generator[tuple[int, Ended], None, None]:
        """Runs the calls' processes, each in a job."""
        executor = self.executor(max(call.devices for call in calls))
        local = executor.cluster == "local"
        gpus = (
            visible() if local and any(call.devices for call in calls) else []
        )  # elsewhere the cluster hands them out
        window = self.n_jobs if local else len(calls)
        waiting, running = list(enumerate(calls)), dict[int, Any]()
        try:
            while waiting or running:
                now, waiting = waiting[: window - len(running)], waiting[window - len(running) :]
                if now:
                    with executor.batch():  # on SLURM one array of jobs
                        running |= {n: self.submitted(executor, call, gpus) for n, call in now}
                for number in [number for number, job in running.items() if job.done()]:
                    yield number, outcome(running.pop(number))
                time.sleep(EVERY)
        finally:
            for job in running.values():
                job.cancel()

    def submitted(self, executor: Any, call: Call, gpus: Sequence[str]) -> Any:
        """The job of a call."""
        return executor.submit(exit_code, call.command(self.threads, gpus), str(call.log), os.getcwd())

    def executor(self, devices: int) -> Any:
        """Submitit's executor."""
        import submitit

        executor = submitit.AutoExecutor(folder=self.folder, cluster=self.cluster)
        array = {"slurm_array_parallelism": self.n_jobs} if executor.cluster == "slurm" else {}
        executor.update_parameters(
            name="attnbench",
            timeout_min=self.minutes,
            cpus_per_task=self.threads,
            gpus_per_node=devices,
            **array,
            **self.parameters,
        )
        return executor


def outcome(job: Any) -> Ended:
    """How a job ended."""
    try:
        return Ended(job.result())
    except Exception as error:
        return Ended(None, f"its job {job.job_id} ended early: {one_line(str(error))[:200]}")
