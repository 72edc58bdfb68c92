"""Showing how far a sweep is: which cell of how many, the time left, a bar within the cell."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol, runtime_checkable

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

INTERVAL = 15.0  # seconds between lines where there is no terminal to draw on


@runtime_checkable
class Progressing(Protocol):
    """What a cell tells while it runs."""

    def advance(self, share: float, doing: str) -> None:
        """The share of the cell that is done, 0 to 1, and what it is doing."""

    def skip(self, share: float) -> None:
        """The share of the cell that an interrupted run had done before."""

    def tell(self, line: str) -> None:
        """What is worth a line that stays, once a sweep."""


class Silent:
    """Tells nobody."""

    def advance(self, share: float, doing: str) -> None:
        """Does nothing."""

    def skip(self, share: float) -> None:
        """Does nothing."""

    def tell(self, line: str) -> None:
        """Does nothing."""


def clock(seconds: int | float) -> str:
    """Seconds as 1:02:03 or 2:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class Board:
    """The progress of `total` cells. On a terminal two live bars; elsewhere a line now and then.

    Time left: what the cells so far took on average, for each that is still to come; unknown before the first tenth of one.
    """

    def __init__(self, console: Console, total: int) -> None:
        self.console = console
        self.total = total
        self.done = 0
        self.skipped = 0.0  # cells' worth of work that took no time here
        self.started = time.monotonic()
        self.name = ""
        self.told = self.started
        self.lines: set[str] = set()
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
        )
        self.bars = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self.sweep: TaskID = self.bars.add_task("cells", total=total, note="")
        self.cell: TaskID = self.bars.add_task("", total=1.0, note="")

    def __reduce__(self) -> tuple[type[Silent], tuple[()]]:
        """Another process has nowhere to draw."""
        return Silent, ()

    @contextmanager
    def live(self) -> Iterator[None]:
        """Draws until left."""
        with self.bars:
            yield

    def start(self, name: str) -> None:
        """A cell begins."""
        self.name = name
        self.bars.reset(self.cell, description=f"  {escape(name)}", note="starting")
        self.advance(0.0, "building")

    def advance(self, share: float, doing: str) -> None:
        """How far the present cell is."""
        self.draw(self.done + share, self.where(), self.name, share, doing, now=share == 0.0)

    def together(self, running: Sequence[tuple[str, float]], *, skipped: float) -> None:
        """How far several cells are that run at the same time, and what interrupted runs of any had done before."""
        self.skipped = skipped
        done = self.done + sum(share for _, share in running)
        where = f"{self.done} of {self.total} cells done" + (f", {len(running)} running" if running else "")
        mean = sum(share for _, share in running) / max(1, len(running))
        self.draw(done, where, "", mean, ", ".join(f"{name} {share:.0%}" for name, share in running), now=False)

    def draw(self, done: float, where: str, name: str, share: float, doing: str, *, now: bool) -> None:
        """Draws both bars; without a terminal a line, `now` or when it is time for one."""
        clocked = time.monotonic()
        worked = done - self.skipped
        known = worked >= 0.1
        left = (
            f"{clock((clocked - self.started) / worked * (self.total - done))} left" if known else "time left unknown"
        )
        self.bars.update(self.cell, completed=share, note=escape(doing))
        self.bars.update(self.sweep, completed=done, description=where, note=left)
        if not self.console.is_terminal and (now or clocked - self.told >= INTERVAL):
            self.told = clocked
            told = f"{doing}, {share:.0%}, {left}" if name else ", ".join(part for part in (doing, left) if part)
            self.say(": ".join(part for part in (where, name, told) if part))

    def where(self) -> str:
        """Which cell of how many, where there are several."""
        return f"cell {self.done + 1} of {self.total}" if self.total > 1 else ""

    def skip(self, share: float) -> None:
        """The present cell goes on from an interrupted run."""
        self.skipped += share

    def tell(self, line: str) -> None:
        """A line that stays, unless it was told before."""
        if line not in self.lines:
            self.lines.add(line)
            self.say(line)

    def finish(self, outcome: str, name: str | None = None) -> None:
        """The present cell has ended, or the one of that name."""
        self.done += 1
        self.say(f"cell {self.done} of {self.total}: {name or self.name}: {outcome}")

    def say(self, line: str) -> None:
        """A line that stays."""
        self.bars.console.print(line, markup=False, highlight=False, soft_wrap=True)
