"""GPUs of this machine, handed out so that no two cells have one at the same time, whichever sweep they are of."""

import contextlib
import getpass
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import filelock

EVERY = 0.5  # seconds between looks at what is free


def visible() -> list[str]:
    """The GPUs that this process may use, by the names that CUDA_VISIBLE_DEVICES has for them."""
    import torch

    said = os.environ.get("CUDA_VISIBLE_DEVICES")
    if said is not None:
        return [name.strip() for name in said.split(",") if name.strip()]
    return [str(number) for number in range(torch.cuda.device_count())]


def free(names: Sequence[str], count: int, held: contextlib.ExitStack) -> list[str]:
    """The first GPUs that nobody holds, held from now on; none at all where there are fewer than `count`."""
    folder = Path(tempfile.gettempdir()) / f"attnbench-gpus-{getpass.getuser()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    mine: list[str] = []
    with contextlib.ExitStack() as tried:
        for name in names:
            with contextlib.suppress(filelock.Timeout):
                tried.enter_context(filelock.FileLock(folder / f"{name}.lock", blocking=False))
                mine.append(name)
            if len(mine) == count:
                held.enter_context(tried.pop_all())
                return mine
    return []


@contextlib.contextmanager
def handed_out(names: Sequence[str], count: int) -> Iterator[list[str]]:
    """`count` of the named GPUs, for this process alone; waits until they are free. They are free again when it ends."""
    with contextlib.ExitStack() as held:
        while not (mine := free(names, count, held)):
            time.sleep(EVERY)
        yield mine
