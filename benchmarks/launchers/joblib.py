"""Several cells at once on this machine: joblib hands them out, each to a process of its own."""

import os
import subprocess
import threading
from collections.abc import Generator, Sequence

from attnbench.benchmarks.errors import InputError
from attnbench.benchmarks.job import Job
from attnbench.benchmarks.launchers.apart import Call, Ended, at_least_one, need, run_apart
from attnbench.benchmarks.launchers.gpus import visible
from attnbench.benchmarks.launchers.launcher import Launcher
from attnbench.benchmarks.progress import Board

PATIENCE = 10.0  # seconds that a process has to end by itself


class Joblib(Launcher):
    """`n_jobs` cells at once, as joblib counts: -1 is as many as there are cores. Where cells use GPUs, at most one a GPU.

    Cores are shared out: each cell has `threads` of them, or, where that is null, its share. A cell that dies, for want of
    memory say, takes no other with it.
    """

    def __init__(self, *, n_jobs: int, threads: int | None) -> None:
        need("joblib")
        if type(n_jobs) is not int or n_jobs == 0:
            raise InputError(f"launcher.n_jobs={n_jobs}: must be a whole number but 0; -1: as many as there are cores")
        if threads is not None:
            at_least_one(threads=threads)
        self.n_jobs, self.threads = n_jobs, threads

    def run(self, jobs: Sequence[Job], board: Board) -> Generator[Job, None, None]:
        """Runs them, in their order as far as there is room."""
        return run_apart(jobs, board, self.ended)

    def ended(self, calls: Sequence[Call]) -> Generator[tuple[int, Ended], None, None]:
        """Runs the calls' processes."""
        import joblib

        gpus = visible() if any(call.devices for call in calls) else []
        at_once = self.at_once(calls, len(gpus))
        threads = self.threads or share(at_once)
        running = Running()
        pool = joblib.Parallel(at_once, backend="threading", batch_size=1, return_as="generator_unordered")
        results = pool(joblib.delayed(running.ended)(n, call, threads, gpus) for n, call in enumerate(calls))
        try:
            for result in results:  # noqa: UP028 - closed here first: the processes end before joblib waits for its threads
                yield result
        finally:
            running.stop()

    def at_once(self, calls: Sequence[Call], gpus: int) -> int:
        """How many cells run at the same time."""
        import joblib

        most = min(joblib.effective_n_jobs(self.n_jobs), len(calls))
        devices = max(call.devices for call in calls)
        return max(1, min(most, gpus // devices)) if devices else most


def share(at_once: int) -> int:
    """The cores of one of so many cells; no more than OMP_NUM_THREADS where that is set."""
    import joblib

    most = os.environ.get("OMP_NUM_THREADS", "")
    cores = max(1, joblib.cpu_count() // at_once)
    return min(cores, int(most)) if most.isdigit() and int(most) > 0 else cores


class Running:
    """The processes that are alive, and whether there are to be any."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.processes: set[subprocess.Popen[bytes]] = set()
        self.stopped = False

    def ended(self, number: int, call: Call, threads: int, gpus: Sequence[str]) -> tuple[int, Ended]:
        """Runs a call's process to its end."""
        with open(call.log, "ab") as said:
            with self.lock:
                if self.stopped:
                    return number, Ended(None, "not started")
                process = subprocess.Popen(  # noqa: S603 - our own module, with the words that Hydra has parsed
                    call.command(threads, gpus), stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT
                )
                self.processes.add(process)
            code = process.wait()
        with self.lock:
            self.processes.discard(process)
        return number, Ended(code)

    def stop(self) -> None:
        """Ends them all; none is started from now on."""
        with self.lock:
            self.stopped = True
            alive = list(self.processes)
        for process in alive:
            process.terminate()
        for process in alive:
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
