"""Where a result comes from: code, versions, host. Names no machine, person or folder."""

import platform
import subprocess
from datetime import UTC, datetime
from importlib import metadata
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch

import attnbench
from attnbench.benchmarks.allocator import allocator

PACKAGES = ("torch", "torchvision", "pytorch-lightning", "hydra-core", "datasets", "tokenizers", "sacrebleu", "numpy")


def commit() -> str | None:
    """The commit of the checkout that the code runs from, with + where it has changes; None outside a checkout."""
    folder = Path(str(files("attnbench") / "attention")).resolve().parent

    def git(*words: str) -> str:
        done = subprocess.run(  # noqa: S603 - fixed words
            ["git", "-C", str(folder), *words],  # noqa: S607 - whichever git the user has
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    try:
        if not (folder / "pyproject.toml").exists():
            return None
        changed = git("status", "--porcelain", "--untracked-files=no")
        return git("rev-parse", "--short=12", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def processor() -> str:
    """The processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def gpu() -> str | None:
    """The GPU's name, None without one."""
    return torch.cuda.get_device_name() if torch.cuda.is_available() else None


def versions() -> dict[str, str]:
    """Our version and those of the packages that decide results."""
    return {"attention-bench": attnbench.__version__, **{name: metadata.version(name) for name in PACKAGES}}


def provenance() -> dict[str, Any]:
    """All of it."""
    return {
        "commit": commit(),
        "versions": versions(),
        "python": platform.python_version(),
        "processor": processor(),
        "threads": torch.get_num_threads(),
        "gpu": gpu(),
        "allocator": allocator(),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }
