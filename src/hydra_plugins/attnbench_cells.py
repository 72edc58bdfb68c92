"""Hydra takes launchers from its own namespace only: this one hands a sweep to `attnbench.benchmarks.launcher`.

Every Hydra program on the machine imports this module, so it imports nothing of ours before a sweep starts.
"""

from collections.abc import Sequence

from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class Cells(Launcher):
    """Cells by the config's own launcher; finished ones are skipped, failed ones listed at the end."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keeps what Hydra hands every launcher; the task function is not needed, since the sweep runs cells itself."""
        self.context, self.config = hydra_context, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Runs the sweep."""
        from attnbench.benchmarks.launcher import Sweep

        return Sweep(self.context, self.config).launch(job_overrides, initial_job_idx)


class Standings(Cells):
    """No cell is run: it is only looked how they stand."""

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Looks."""
        from attnbench.benchmarks.status import standings

        return standings(self.context, self.config, job_overrides)
