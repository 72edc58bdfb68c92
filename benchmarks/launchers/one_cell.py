"""The process that a launcher starts for one cell: it takes its share of the machine, then runs the cell and nothing else."""

import argparse
import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from attnbench.benchmarks.claim import TAKEN, CellTaken, claim
from attnbench.benchmarks.launchers.gpus import handed_out

EVERY = 1.0  # seconds between looks at the parent


def main(arguments: Sequence[str]) -> None:
    """`--cell FOLDER --threads N [--gpus NAME,... --devices N] -- WORDS`: `attnbench run WORDS` on as many threads and GPUs.

    Ends with TAKEN, before anything slow is imported, where another process has the cell.
    """
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--cell", type=Path, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--gpus", default="")
    parser.add_argument("--devices", type=int, default=0)
    parser.add_argument("words", nargs="*")
    given = parser.parse_args(arguments)
    threading.Thread(target=end_with, args=[os.getppid()], daemon=True).start()
    os.environ["OMP_NUM_THREADS"] = str(given.threads)  # torch reads it as it is imported, which is below
    with contextlib.ExitStack() as held:
        if given.devices:
            mine = held.enter_context(handed_out(given.gpus.split(","), given.devices))
            os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(mine)
        try:
            held.enter_context(claim(given.cell, given.cell.name))
        except CellTaken:
            sys.exit(TAKEN)
        run(given.words)


def end_with(parent: int) -> None:
    """Ends this process once its parent is gone: nobody would wait for it."""
    while os.getppid() == parent:
        time.sleep(EVERY)
    os.kill(os.getpid(), signal.SIGTERM)


def run(words: Sequence[str]) -> None:
    """Runs the cell in this process."""
    from attnbench.benchmarks.cli import main as attnbench

    attnbench(["run", *words])


if __name__ == "__main__":
    main(sys.argv[1:])
