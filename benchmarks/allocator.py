"""Who gives the process its memory, and how the C library hands it back."""

import ctypes
import platform
import sys
from pathlib import Path

# Parameters of mallopt(3) in glibc's malloc.h.
TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
LARGEST_MMAP_THRESHOLD = 2**25  # that glibc takes
PRELOADED = ("jemalloc", "tcmalloc", "mimalloc")


def allocator(maps: Path = Path("/proc/self/maps")) -> str:
    """jemalloc, tcmalloc or mimalloc where one of them was loaded into this process (LD_PRELOAD); else the C library's name.

    On a CPU training's speed hangs on it: with glibc a step takes longer the longer a run goes on (docs/speed.md).
    """
    try:
        files = {Path(line.split()[-1]).name for line in maps.read_text().splitlines() if "/" in line}
    except OSError:
        files = set()
    found = [name for name in PRELOADED if any(file.startswith(f"lib{name}") for file in files)]
    return found[0] if found else platform.libc_ver()[0] or "the system's"


def keep_freed_memory() -> bool:
    """Makes glibc keep what is freed for the next training step; says whether it does. Elsewhere nothing changes.

    Without it each step gives its tensors' memory back to the system and gets it again page by page: on a CPU up to a third of a
    step's time. The process grows no larger than at its peak. An allocator that stands in for glibc's has settings of its own.
    """
    if not sys.platform.startswith("linux") or allocator() != "glibc":
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    kept = mallopt(ctypes.c_int(TRIM_THRESHOLD), ctypes.c_int(2**31 - 1))
    return bool(kept and mallopt(ctypes.c_int(MMAP_THRESHOLD), ctypes.c_int(LARGEST_MMAP_THRESHOLD)))
