"""What a step frees stays with the process for the next."""

import subprocess
import sys

import pytest

# 40 MB of tensors a step; with pages of 4 KiB that is 10,000 of them, if they have to be had again.
STEPS = """
import resource, torch
from attnbench.benchmarks.allocator import keep_freed_memory
kept = KEPT
def step():
    return [torch.ones(2**20) for _ in range(10)]
step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    step()
print(kept, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(kept: str) -> tuple[str, int]:
    """Whether memory is kept, and how many pages 20 steps had to get."""
    found = subprocess.run(
        [sys.executable, "-c", STEPS.replace("KEPT", kept)], capture_output=True, text=True, check=True
    )
    said, number = found.stdout.split()
    return said, int(number)


def test_steps_get_no_memory_that_earlier_ones_had() -> None:
    said, number = faults("keep_freed_memory()")
    if said == "False":
        pytest.skip("the C library is not glibc")
    _, without = faults("False")
    assert number < 2_000
    assert without > 10 * number, "the measure sees memory that is handed back"
