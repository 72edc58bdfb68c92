"""Cells one after the other in this process."""

from collections.abc import Generator, Sequence

from attnbench.benchmarks.job import Job
from attnbench.benchmarks.launchers.launcher import Launcher
from attnbench.benchmarks.progress import Board


class Here(Launcher):
    """The launcher without processes of its own: nothing is imported again, so it suits many small cells."""

    def run(self, jobs: Sequence[Job], board: Board) -> Generator[Job, None, None]:
        """Runs them in their order."""
        for job in jobs:
            board.start(job.cell.name)
            job.run(board)
            yield job
