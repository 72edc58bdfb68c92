"""What this machine has: versions, devices, W&B, data."""

import importlib.util
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import torch

from attnbench.benchmarks.allocator import allocator
from attnbench.benchmarks.provenance import commit, gpu, processor, versions

WITH_GLIBC = "glibc (with jemalloc long runs on a CPU are faster: docs/speed.md)"
DATA = ("multi30k/tok/train.en.gz", "flickr8k/Flickr8k.token.txt", "squad", "babi/en", "weights")


def wandb_mode() -> str:
    """Where `logger=wandb` would send its runs."""
    if importlib.util.find_spec("wandb") is None:
        return "not installed"
    from attnbench.benchmarks.wandb_mode import resolved_mode

    return resolved_mode("auto")


def findings(data_dir: str | None) -> Iterator[tuple[str, str]]:
    """What there is, as (what, finding)."""
    yield from versions().items()
    yield "commit", commit() or "not a checkout"
    yield "processor", f"{processor()}, {torch.get_num_threads()} threads"
    yield "allocator", WITH_GLIBC if allocator() == "glibc" else allocator()
    yield "GPU", gpu() or "none that torch can use"
    yield "CUDA", str(torch.version.cuda) if torch.cuda.is_available() else "not available"
    yield "Java (METEOR, SPICE)", "found" if shutil.which("java") else "not found"
    yield "W&B", wandb_mode()
    if data_dir is None:
        yield "data_dir", "not set: give data_dir=FOLDER or set ATTNBENCH_DATA; embedded data needs none"
        return
    folder = Path(data_dir).expanduser()
    yield "data_dir", f"{data_dir} ({'found' if folder.is_dir() else 'no such folder'})"
    for name in DATA:
        yield f"  {name}", "found" if folder.joinpath(name).exists() else "missing"


def data_folder(given: str | None) -> str | None:
    """The data folder as given, or from the environment."""
    return given or os.environ.get("ATTNBENCH_DATA")
