"""`attnbench status`: how the cells of a sweep stand, or those that are found below a folder."""

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from hydra import initialize_config_module
from hydra.core.global_hydra import GlobalHydra
from hydra.core.utils import JobReturn, JobStatus, setup_globals
from hydra.types import HydraContext
from omegaconf import DictConfig

from attnbench.benchmarks.arguments import Arguments
from attnbench.benchmarks.errors import InputError
from attnbench.benchmarks.launcher import Sweep
from attnbench.benchmarks.plugins import register
from attnbench.benchmarks.standing import Standing, exit_code, found, standing, told

HELP = """How the cells of a sweep stand. Without KEY=VALUE, those that are found below RUNS.

Exit code: 0 all done, 1 something failed, 3 nothing failed and something is still to come."""


def status(arguments: Sequence[str]) -> None:
    """Prints how the cells stand, and exits with what the help says. Raises InputError and RecordError."""
    parser = Arguments("attnbench status", HELP)
    parser.add_argument("runs", metavar="RUNS", help="the folder that holds the runs, what `out` is for attnbench run")
    parser.add_argument("words", metavar="KEY=VALUE", nargs="*", help="as for attnbench run -m")
    given = parser.parse_args([word for word in arguments if word not in ("-m", "--multirun")])
    if "=" in given.runs and not Path(given.runs).exists():
        raise InputError(
            f"{given.runs}: no such folder; the first word is the folder that holds the runs, such as runs"
        )
    cells = asked_for(Path(given.runs), given.words) if given.words else found(Path(given.runs))
    lines = told(cells, " ".join([given.runs, *given.words]))
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.exit(exit_code(cells))


def asked_for(runs: Path, words: Sequence[str]) -> list[Standing]:
    """How the cells stand that `attnbench run -m WORDS out=RUNS` would run. Nothing is written below RUNS."""
    register()
    place = str(runs).replace("\\", "\\\\").replace("'", "\\'")
    with (
        tempfile.TemporaryDirectory() as aside,
        initialize_config_module("attnbench.conf", version_base="1.3", job_name="status"),
    ):
        own = [f"out='{place}'", f"hydra.sweep.dir={aside}", "hydra/launcher=standings"]
        hydra = GlobalHydra.instance().hydra
        assert hydra is not None
        batches = hydra.multirun("run", print, [*words, *own], with_log_configuration=False)
    return [job.return_value for batch in batches for job in batch]


def standings(context: HydraContext, config: DictConfig, job_overrides: Sequence[Sequence[str]]) -> Sequence[JobReturn]:
    """How the cells of a sweep stand, as Hydra wants results of jobs."""
    setup_globals()
    returns = []
    for job in Sweep(context, config).laid_out(job_overrides):
        returns.append(JobReturn(status=JobStatus.COMPLETED))
        returns[-1].return_value = standing(job.cell.folder)
    return returns
