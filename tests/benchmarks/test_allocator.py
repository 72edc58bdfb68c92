"""What a step frees stays with the process for the next."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from attnbench.benchmarks.allocator import allocator

STEP = """
import torch
from attnbench.benchmarks.allocator import keep_freed_memory
kept = KEPT
def held():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) // 1024 for line in status if line.startswith("VmRSS"))
tensors = [torch.ones(2**18) for _ in range(100)]
full = held()
del tensors
print(kept, full - held())
"""


def handed_back(kept: str) -> tuple[str, int]:
    """Whether memory is kept, and how many MiB of 100 the process gives back to the system once it has freed them."""
    # Left to itself glibc moves its thresholds while torch is imported; these it starts from, and does not move.
    fixed = {"GLIBC_TUNABLES": "glibc.malloc.mmap_threshold=131072:glibc.malloc.trim_threshold=131072"}
    found = subprocess.run(
        [sys.executable, "-c", STEP.replace("KEPT", kept)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **fixed},
    )
    said, size = found.stdout.split()
    return said, int(size)


def test_what_a_step_frees_stays_for_the_next() -> None:
    said, size = handed_back("keep_freed_memory()")
    if said == "False":
        pytest.skip("the C library is not glibc")
    assert size < 10
    assert handed_back("False")[1] > 90, "the measure sees memory that is handed back"


MAPS = """7f00-7f01 r-xp 00000000 fe:00 1 /usr/lib/libc.so.6
7f02-7f03 r-xp 00000000 fe:00 2 /usr/lib/{name}
7f04-7f05 rw-p 00000000 00:00 0
"""


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("libjemalloc.so.2", "jemalloc"),
        ("libtcmalloc_minimal.so.4", "tcmalloc"),
        ("libmimalloc.so.2.0", "mimalloc"),
        ("libm.so.6", platform.libc_ver()[0] or "the system's"),
    ],
)
def test_the_allocator_is_the_one_that_was_loaded(name: str, expected: str, tmp_path: Path) -> None:
    (tmp_path / "maps").write_text(MAPS.format(name=name))
    assert allocator(tmp_path / "maps") == expected


def test_without_a_list_of_what_was_loaded_it_is_the_c_library(tmp_path: Path) -> None:
    assert allocator(tmp_path / "nothing") == (platform.libc_ver()[0] or "the system's")
