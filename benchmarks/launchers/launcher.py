"""The contract of launchers."""

from abc import ABC, abstractmethod
from collections.abc import Generator, Sequence

from attnbench.benchmarks.job import Job
from attnbench.benchmarks.progress import Board


class Launcher(ABC):
    """Runs cells. Everything else about a sweep is the same whatever the launcher: see `Sweep`."""

    @abstractmethod
    def run(self, jobs: Sequence[Job], board: Board) -> Generator[Job, None, None]:
        """Runs the jobs and yields each as it ends, with its record, its error, or taken by another process.

        Closing the iterator ends what is still running; such cells go on from there in a later sweep.
        """
