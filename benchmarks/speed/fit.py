"""What fits into memory: foreseen where the plain form's large tensor is known, else tried below a limit that holds."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from attnbench.benchmarks.speed.peak import status
from attnbench.benchmarks.speed.plan import Pass, Plan
from attnbench.benchmarks.speed.sizes import Sizes

SHARE = 0.7  # of what is available, so that others on the machine keep some
CGROUP = Path("/sys/fs/cgroup")
REFUSALS = ("can't allocate memory", "not enough memory", "CUDA out of memory", "bad_alloc")
COPIES = {"forward": 2, "backward": 3, "step": 2}  # of the plain additive score's large tensor, alive at once


class DoesNotFit(Exception):
    """A size needs more memory than there is; the message says how much."""


def available(device: str) -> int | None:
    """Bytes that may be taken without harm; None where nobody says."""
    if device == "cuda":
        cached = torch.cuda.memory_reserved() - torch.cuda.memory_allocated()
        return torch.cuda.mem_get_info()[0] + cached
    found = [free for free in (free_in_machine(), free_in_container()) if free is not None]
    return int(min(found) * SHARE) if found else None


def free_in_machine() -> int | None:
    """What Linux calls available."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), None)


def free_in_container() -> int | None:
    """What the container's limit leaves; None without one."""
    try:
        most, taken = ((CGROUP / name).read_text().strip() for name in ("memory.max", "memory.current"))
    except OSError:
        return None
    return None if most == "max" else int(most) - int(taken)


def foresee(plan: Plan, sizes: Sizes, kind: Pass) -> None:
    """Raises DoesNotFit where the batch × queries × memory × hidden tensors of a plain additive score find no room."""
    most = min((size for size in (available(plan.device), plan.limit) if size is not None), default=None)
    queries = 1 if kind == "step" else sizes.queries
    need = COPIES[kind] * sizes.batch * queries * sizes.memory * sizes.hidden * plan.torch_dtype.itemsize
    if most is not None and need > most:
        raise DoesNotFit(f"needs about {gib(need)}, {gib(most)} may be taken")


@contextmanager
def limited(device: str) -> Iterator[None]:
    """Turns a failed allocation into DoesNotFit; on Linux the system refuses a CPU's tensors beyond the room there is."""
    most = available(device)
    try:
        with no_more_than(None if device == "cuda" else most):
            yield
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, MemoryError) or any(words in str(error) for words in REFUSALS):
            raise DoesNotFit(f"needs more than {'there is' if most is None else gib(most)}") from None
        raise


def keep_within(plan: Plan, taken: int) -> None:
    """Raises DoesNotFit where a form took more than the user allows."""
    if plan.limit is not None and taken > plan.limit:
        raise DoesNotFit(f"needs {gib(taken)}, {gib(plan.limit)} may be taken")


@contextmanager
def no_more_than(most: int | None) -> Iterator[None]:
    """Lets this process take so many bytes more than it has, while within."""
    taken = status("VmData")
    if most is None or taken is None or sys.platform != "linux":
        yield
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    new = taken + most if hard == resource.RLIM_INFINITY else min(taken + most, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (new, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def gib(size: int) -> str:
    """Bytes as GiB, or MiB where they are few."""
    return f"{size / 2**30:.4g} GiB" if size >= 2**30 else f"{size / 2**20:.4g} MiB"
