"""How the C library hands memory back."""

import ctypes
import sys

# Parameters of mallopt(3) in glibc's malloc.h.
TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
LARGEST_MMAP_THRESHOLD = 2**25  # that glibc takes


def keep_freed_memory() -> bool:
    """Makes glibc keep what is freed for the next training step; says whether it does. Elsewhere nothing changes.

    Without it each step gives its tensors' memory back to the system and gets it again page by page: on a CPU up to a third of a
    step's time. The process grows no larger than at its peak.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    kept = mallopt(ctypes.c_int(TRIM_THRESHOLD), ctypes.c_int(2**31 - 1))
    return bool(kept and mallopt(ctypes.c_int(MMAP_THRESHOLD), ctypes.c_int(LARGEST_MMAP_THRESHOLD)))
