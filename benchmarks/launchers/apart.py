"""Cells in processes of their own: what is asked of a pool of processes, and what becomes of its cells."""

import contextlib
import importlib.util
import signal
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from attnbench.benchmarks.claim import TAKEN, Beat, heartbeat
from attnbench.benchmarks.errors import InputError
from attnbench.benchmarks.job import Job
from attnbench.benchmarks.progress import Board

LOG = "log.txt"
PROGRAM = (sys.executable, "-m", "attnbench.benchmarks.launchers.one_cell")
RESUMED = (
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGHUP,
)  # somebody wants it to end: it is interrupted, it has not failed
EVERY = 1.0  # seconds between looks at the cells' heartbeats


class Call(NamedTuple):
    """A process that is to run a cell: the words behind `attnbench run`, its log in its folder, how many GPUs it uses."""

    words: Sequence[str]
    log: Path
    devices: int = 0

    def command(self, threads: int, gpus: Sequence[str] = ()) -> list[str]:
        """The command, on so many threads and, where the cell uses GPUs and there are names to choose from, on some of them."""
        chosen = ["--gpus", ",".join(gpus), "--devices", str(self.devices)] if self.devices and gpus else []
        return [*PROGRAM, "--cell", str(self.log.parent), "--threads", str(threads), *chosen, "--", *self.words]


class Ended(NamedTuple):
    """How a process ended: its exit code, negative for a signal; or, where that is not known, why."""

    code: int | None
    said: str = ""


Pool = Callable[[Sequence[Call]], Generator[tuple[int, Ended], None, None]]  # each call's number as its process ends


def need(package: str) -> None:
    """Raises InputError where the package of an extra, which has its name, is not installed."""
    if importlib.util.find_spec(package) is None:
        raise InputError(f"launcher={package}: {package} is not installed; pip install 'attention-bench[{package}]'")


def at_least_one(**numbers: int) -> None:
    """Raises InputError for a number below 1."""
    for name, number in numbers.items():
        if type(number) is not int or number < 1:
            raise InputError(f"launcher.{name}={number}: must be a whole number, 1 or more")


def run_apart(jobs: Sequence[Job], board: Board, pool: Pool) -> Generator[Job, None, None]:
    """Runs each job in a process of the pool and yields it as it ends. Closing the iterator closes the pool."""
    calls = [Call(job.words, (job.cell.folder / LOG).absolute(), job.devices) for job in jobs]
    for call in calls:
        call.log.parent.mkdir(parents=True, exist_ok=True)
    with watched(jobs, board), contextlib.closing(pool(calls)) as results:
        for number, ended in results:
            settle(jobs[number], ended, calls[number].log)
            yield jobs[number]


def settle(job: Job, ended: Ended, log: Path) -> None:
    """What became of a job whose process has ended: its record says so, else its exit code, else the end of its log."""
    job.look()
    if ended.code == TAKEN and not job.ended:
        job.taken = True
    elif not job.ended:
        killed = ended.code is not None and ended.code < 0 and -ended.code not in RESUMED
        job.died(cause(ended, log), recorded=killed)


def cause(ended: Ended, log: Path) -> str:
    """Why a process ended without a record."""
    if ended.code is None:
        return ended.said
    if ended.code < 0:
        name = signal.Signals(-ended.code).name
        return f"its process was ended by {name}" + (", perhaps for want of memory" if name == "SIGKILL" else "")
    lines = log.read_text("utf-8", "replace").splitlines() if log.exists() else []
    said = [line.removeprefix("attnbench: ") for line in lines if line.startswith("attnbench: ")]
    return said[-1] if said else f"its process ended with exit code {ended.code}; {LOG} in its folder says more"


@contextlib.contextmanager
def watched(jobs: Sequence[Job], board: Board) -> Iterator[None]:
    """Shows on the board how far the cells are, from their heartbeats, until left."""
    began, over, last = time.time(), threading.Event(), dict[str, Beat]()

    def look() -> None:
        while not over.wait(EVERY):
            running = []
            for job in jobs:
                beat = None if job.ended or job.taken else heartbeat(job.cell.folder)
                if beat is not None and beat.beaten > began:
                    last[job.cell.name] = beat
                    running.append((job.cell.name, beat.share))
            board.together(running, skipped=sum(beat.skipped for beat in last.values()))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
