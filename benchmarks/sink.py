"""Where a run's numbers go besides its record."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

from pytorch_lightning.loggers import Logger

from attnbench.benchmarks.cell import Cell
from attnbench.benchmarks.comparison import Comparison
from attnbench.benchmarks.exhibit import Exhibit
from attnbench.benchmarks.record import Record
from attnbench.benchmarks.report import ReportPaths


class Sink(ABC):
    """Receives what the record receives. It is never read back."""

    @abstractmethod
    def open(self, cell: Cell, *, primary: str, better: str) -> Logger | None:
        """The Lightning logger of one cell."""

    @abstractmethod
    def deliver(self, record: Record, exhibits: Sequence[Exhibit], folder: Path) -> None:
        """The finished cell's record, a few examples with their attention, and where the cell's files stand."""

    @abstractmethod
    def close(self, failure: Record | None) -> None:
        """Ends the cell's run, with the record of what went wrong or None; without an open one it does nothing."""

    @abstractmethod
    def conclude(self, comparison: Comparison, report: ReportPaths) -> str | None:
        """The comparison of a sweep and its report; tells in a line where they went, None where nowhere."""


class NoSink(Sink):
    """Keeps nothing: the record is enough."""

    def open(self, cell: Cell, *, primary: str, better: str) -> Logger | None:
        """None: nothing is logged."""
        return None

    def deliver(self, record: Record, exhibits: Sequence[Exhibit], folder: Path) -> None:
        """Does nothing."""

    def close(self, failure: Record | None) -> None:
        """Does nothing."""

    def conclude(self, comparison: Comparison, report: ReportPaths) -> str | None:
        """Nothing to tell."""
        return None
