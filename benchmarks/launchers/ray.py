"""Cells as tasks of Ray: on this machine, or on a cluster whose machines share this folder."""

import logging
import os
from collections.abc import Generator, Sequence
from typing import Any

from attnbench.benchmarks.errors import InputError, one_line
from attnbench.benchmarks.job import Job
from attnbench.benchmarks.launchers.apart import Call, Ended, at_least_one, need, run_apart
from attnbench.benchmarks.launchers.launcher import Launcher
from attnbench.benchmarks.launchers.process import exit_code
from attnbench.benchmarks.progress import Board


class Ray(Launcher):
    """A task a cell, each with `threads` cores and the GPUs that its cell uses; Ray decides how many run at once.

    `address` is that of a running Ray, null to start one on this machine for the sweep.
    """

    def __init__(self, *, address: str | None, threads: int) -> None:
        need("ray")
        at_least_one(threads=threads)
        cores = os.cpu_count() or 1
        if address is None and threads > cores:
            raise InputError(f"launcher.threads={threads}: this machine has {cores} cores")
        self.address, self.threads = address, threads

    def run(self, jobs: Sequence[Job], board: Board) -> Generator[Job, None, None]:
        """Hands them to Ray and waits."""
        return run_apart(jobs, board, self.ended)

    def ended(self, calls: Sequence[Call]) -> Generator[tuple[int, Ended], None, None]:
        """Runs the calls' processes, each in a task."""
        import ray

        dashboard = False if self.address is None else None
        ray.init(self.address, include_dashboard=dashboard, logging_level=logging.ERROR, log_to_driver=False)
        task = ray.remote(exit_code)
        waiting = {
            task.options(num_cpus=self.threads, num_gpus=call.devices, max_retries=0).remote(
                call.command(self.threads), str(call.log), os.getcwd()
            ): number
            for number, call in enumerate(calls)
        }
        try:
            while waiting:
                for done in ray.wait(list(waiting), num_returns=1)[0]:
                    yield waiting.pop(done), outcome(done)
        finally:
            for left in waiting:
                ray.cancel(left, force=True)
            ray.shutdown()


def outcome(done: Any) -> Ended:
    """How a task ended."""
    import ray

    try:
        return Ended(ray.get(done))
    except ray.exceptions.RayError as error:
        return Ended(None, f"its task ended early: {one_line(str(error))[:200]}")
