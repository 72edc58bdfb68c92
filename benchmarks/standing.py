"""How cells stand: done, running, failed, interrupted or missing, and the time that is left."""

import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Literal

from attnbench.benchmarks.claim import HEARTBEAT, LOCK, Beat, claimed, heartbeat
from attnbench.benchmarks.progress import clock
from attnbench.benchmarks.record import Record, RecordError, find_records, read_record

State = Literal["done", "running", "failed", "interrupted", "missing"]
STATES: tuple[State, ...] = ("done", "running", "failed", "interrupted", "missing")
OPEN = ("running", "interrupted", "missing")
SILENT = 300.0  # seconds without a heartbeat after which a running cell is called silent


@dataclass(frozen=True)
class Standing:
    """How one cell stands. `kind` is its task and mechanism, by which times are compared."""

    folder: Path
    state: State
    kind: tuple[str, str]
    record: Record | None
    beat: Beat | None

    @property
    def seconds(self) -> float | None:
        """What the cell took, where it is done and has been timed."""
        return self.record.cost.get("total_seconds") if self.record is not None and self.state == "done" else None

    def line(self, now: float) -> str:
        """The cell in a line: its folder, how far it is or why it failed."""
        place = "/".join(self.folder.parts[-3:])
        if self.state == "failed" and self.record is not None:
            return f"{place}: {self.record.error}"
        if self.beat is None or self.state == "missing":
            return place
        if self.state == "interrupted":
            return f"{place}: at {self.beat.share:.0%}"
        left, silent = self.beat.left(now), now - self.beat.beaten
        parts = [f"{self.beat.share:.0%}", self.beat.doing, *([] if left is None else [f"{clock(left)} left"])]
        parts.append(f"process {self.beat.process} on {self.beat.host}")
        return f"{place}: {', '.join(parts)}" + (f"; silent for {clock(silent)}" if silent > SILENT else "")


def standing(folder: Path) -> Standing:
    """How the cell of a folder stands, which need not be there."""
    try:
        record = read_record(folder)
    except RecordError:
        record = None
    beat = heartbeat(folder)
    state: State = "missing" if beat is None else "interrupted"
    if record is not None and record.finished:
        state, beat = "done", None
    elif claimed(folder):
        state = "running"
    elif record is not None:
        state = "failed"
    parts = folder.parts
    return Standing(folder, state, (parts[-3], parts[-2]), record, beat)


def found(runs: Path) -> list[Standing]:
    """How the cells below a folder stand: those with a record, and those that run or were interrupted. Raises RecordError."""
    folders = dict.fromkeys(find_records([runs]))
    folders |= dict.fromkeys(path.parent for name in (LOCK, HEARTBEAT) for path in sorted(runs.rglob(f"seed*/{name}")))
    return [standing(folder) for folder in sorted(folders)]


def expected(cells: Sequence[Standing]) -> dict[Path, float]:
    """Seconds that each cell which is not done may still take, as far as that is known.

    A running cell's come from its own progress, others' from the done ones with its task and mechanism, else with its task,
    else from all.
    """
    took: dict[tuple[str, ...], list[float]] = defaultdict(list)
    for cell in cells:
        if cell.seconds is not None:
            for key in (cell.kind, cell.kind[:1], ()):
                took[key].append(cell.seconds)
    now, left = time.time(), {}
    for cell in cells:
        own = cell.beat.left(now) if cell.state == "running" and cell.beat is not None else None
        known = [took[key] for key in (cell.kind, cell.kind[:1], ()) if key in took]
        share = 0.0 if cell.beat is None else cell.beat.share
        guess = own if own is not None else mean(known[0]) * (1 - share) if known else None
        if cell.state in OPEN and guess is not None:
            left[cell.folder] = guess
    return left


def time_left(cells: Sequence[Standing]) -> str:
    """The time left in words. As many cells at once as are running now; no less than the longest of them."""
    open_ = [cell for cell in cells if cell.state in OPEN]
    if not open_:
        return ""
    left = expected(cells)
    if not left:
        return "time left unknown"
    total = sum(left.values()) / len(left) * len(open_)
    running = sum(cell.state == "running" for cell in open_)
    if not running:
        return f"nothing is running, {clock(total)} of work left"
    return f"{clock(max(total / running, *left.values()))} left"


def told(cells: Sequence[Standing], what: str) -> list[str]:
    """The standing of all cells: a line of counts, then the cells that are not done, by state."""
    counts = {state: [cell for cell in cells if cell.state == state] for state in STATES}
    numbers = ", ".join(f"{len(those)} {state}" for state, those in counts.items() if state == "done" or those)
    left = time_left(cells)
    lines = [f"{what}: {len(cells)} cells: {numbers}" + (f"; {left}" if left else "")]
    for state in STATES[1:]:
        if counts[state]:
            lines += [state, *(f"  {cell.line(time.time())}" for cell in counts[state])]
    return lines


def exit_code(cells: Sequence[Standing]) -> int:
    """0 where all is done, 1 where something failed, 3 where nothing failed and something is still to come."""
    states = {cell.state for cell in cells}
    return 1 if "failed" in states else 3 if states - {"done"} else 0
