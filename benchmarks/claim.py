"""Which process runs a cell, and how far it is: a lock and a heartbeat in the cell's folder.

The operating system holds the lock and drops it when its process ends, however it ends: a lock that can be had is stale.
"""

import contextlib
import json
import os
import platform
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import filelock

from attnbench.benchmarks.progress import Progressing
from attnbench.benchmarks.record import write_json

TAKEN = 3  # the exit code of a process that finds its cell taken
LOCK = "lock"
HEARTBEAT = "progress.json"
EVERY = 2.0  # seconds between heartbeats
LOOK = 0.2  # seconds that a lock is waited for: whoever looks whether a cell is claimed has its lock for a moment


class CellTaken(RuntimeError):
    """Another process is running the cell."""


@contextlib.contextmanager
def claim(folder: Path, name: str) -> Iterator[None]:
    """Holds the cell for this process, which may claim it again. Raises CellTaken where another one has it."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock((folder / LOCK).resolve(), is_singleton=True)
    try:
        lock.acquire(timeout=LOOK, poll_interval=LOOK / 10)
    except filelock.Timeout:
        raise CellTaken(f"{name}: another process is running it{told(folder)}") from None
    try:
        yield
    finally:
        lock.release()


def told(folder: Path) -> str:
    """How far the process that runs a cell is, where it has said so."""
    beat = heartbeat(folder)
    return "" if beat is None else f" ({beat.share:.0%}, {beat.doing}, process {beat.process} on {beat.host})"


def claimed(folder: Path) -> bool:
    """Whether a process that is alive has the cell."""
    if not (folder / LOCK).exists():
        return False
    try:
        with filelock.FileLock(folder / LOCK, blocking=False):
            return False
    except filelock.Timeout:
        return True


def forget(folder: Path) -> None:
    """Removes what only a running cell needs. To be called once its record is finished: whoever comes then reads that."""
    for name in (HEARTBEAT, LOCK):
        with contextlib.suppress(OSError):
            (folder / name).unlink(missing_ok=True)


@dataclass(frozen=True)
class Beat:
    """What a cell's process last said: the share that is done and the share that was done before it started, times in seconds."""

    share: float
    skipped: float
    doing: str
    started: float
    beaten: float
    process: int
    host: str

    def left(self, now: float) -> float | None:
        """Seconds until the cell ends, None before a fiftieth of it has been done."""
        worked = self.share - self.skipped
        if worked < 0.02:
            return None
        return max(0.0, (self.beaten - self.started) / worked * (1 - self.share) - (now - self.beaten))


def heartbeat(folder: Path) -> Beat | None:
    """What the cell's process last said, None where there is nothing that can be read."""
    try:
        return Beat(**json.loads((folder / HEARTBEAT).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None


class Heartbeat:
    """Passes on what a cell tells, and writes it into the cell's folder for other processes to read."""

    def __init__(self, folder: Path, progress: Progressing) -> None:
        self.folder, self.progress = folder, progress
        self.started = time.time()
        self.beaten = 0.0
        self.skipped = 0.0

    def advance(self, share: float, doing: str) -> None:
        """How far the cell is."""
        self.progress.advance(share, doing)
        now = time.time()
        if now - self.beaten >= EVERY:
            self.beaten = now
            beat = Beat(share, self.skipped, doing, self.started, now, os.getpid(), platform.node())
            write_json(self.folder / HEARTBEAT, asdict(beat))

    def skip(self, share: float) -> None:
        """What an interrupted run had done before."""
        self.skipped += share
        self.progress.skip(share)

    def tell(self, line: str) -> None:
        """A line that stays."""
        self.progress.tell(line)
