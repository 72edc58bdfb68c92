"""Where a run's numbers go besides its record."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from pytorch_lightning.loggers import Logger

from attnbench.benchmarks.cell import Cell
from attnbench.benchmarks.exhibit import Exhibit
from attnbench.benchmarks.record import Record


class Sink(ABC):
    """Receives what the record receives. It is never read back."""

    @abstractmethod
    def open(self, cell: Cell, *, primary: str, better: str) -> Logger | None:
        """The Lightning logger of one cell."""

    @abstractmethod
    def deliver(self, record: Record, exhibits: Sequence[Exhibit]) -> None:
        """The finished cell's record and a few examples with their attention."""

    @abstractmethod
    def close(self, *, failed: bool) -> None:
        """Ends the cell's run, whatever happened; without an open one it does nothing."""


class NoSink(Sink):
    """Keeps nothing: the record is enough."""

    def open(self, cell: Cell, *, primary: str, better: str) -> Logger | None:
        """None: nothing is logged."""
        return None

    def deliver(self, record: Record, exhibits: Sequence[Exhibit]) -> None:
        """Does nothing."""

    def close(self, *, failed: bool) -> None:
        """Does nothing."""
