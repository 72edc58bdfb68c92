"""The most memory that a call holds above what was there before it."""

import ctypes
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from torch.profiler import ProfilerActivity, profile

from attnbench.benchmarks.cost import PeakMemory

EVENT = "[memory]"  # what the profiler calls an allocation (bytes above 0) or a release (below 0)


class Peak(NamedTuple):
    """Bytes above the inputs: of tensors, to the byte; and resident in the process, as the system counts them.

    `resident` holds scratch space outside torch's allocator too, but also what the interpreter needs meanwhile; None on
    a GPU and where it cannot be read.
    """

    tensors: int
    resident: int | None


def peak(call: Callable[[], object], device: str) -> Peak:
    """The peak of one call. Its result is held until the peak is read: outputs and gradients count."""
    return Peak(gpu_peak(call), None) if device == "cuda" else Peak(traced(call), resident(call))


def gpu_peak(call: Callable[[], object]) -> int:
    """From the allocator's own count."""
    torch.cuda.synchronize()
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    kept = call()
    torch.cuda.synchronize()
    highest = torch.cuda.max_memory_allocated()
    del kept
    return highest - before


def traced(call: Callable[[], object]) -> int:
    """From torch's CPU allocator, which tells the profiler of every block that it gives out and takes back."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as trace:
        kept = call()
    del kept
    assert trace.profiler is not None
    assert trace.profiler.kineto_results is not None
    events = [event for event in trace.profiler.kineto_results.events() if event.name() == EVENT]
    held = highest = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        held += event.nbytes()
        highest = max(highest, held)
    return highest


def resident(call: Callable[[], object]) -> int | None:
    """From the system: the highest resident size less the size before, once free blocks were handed back to it."""
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError):
        return None
    trim(0)
    before = status("VmRSS")
    watch = PeakMemory(gpu=False)
    kept = call()
    highest = watch.read()
    del kept
    return None if highest is None or before is None else max(0, highest - before)


def status(name: str) -> int | None:
    """A size of this process as Linux tells it, in bytes; None elsewhere."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    found = [int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:")]
    return found[0] if found else None
