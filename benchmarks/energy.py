"""Energy that training takes, by the machine's own counters: NVML for a GPU, RAPL for processors. None where neither can be read.

Counters are those of whole chips: what else ran on them meanwhile is counted too.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import pynvml
import torch

POWERCAP = Path("/sys/class/powercap")
MICRO, MILLI = 1e-6, 1e-3


class Counter(NamedTuple):
    """A counter that only grows, in joules, until it starts again at 0 after `span`; None: it never does."""

    read: Callable[[], float]
    span: float | None = None


class Energy:
    """Joules between `start` and each `take`, summed. Taken often enough, a counter that starts again is no harm."""

    def __init__(self, find: Callable[[torch.device], Sequence[Counter]] | None = None) -> None:
        self.find = find or counters
        self.counters: Sequence[Counter] = ()
        self.last: list[float] = []
        self.joules: float | None = None

    def start(self, device: torch.device) -> None:
        """What was spent before this does not count."""
        self.counters = self.find(device)
        self.last = [counter.read() for counter in self.counters]

    def take(self) -> None:
        """Adds what was spent since the last time."""
        found = [counter.read() for counter in self.counters]
        grown = [
            now - before if now >= before or counter.span is None else now - before + counter.span
            for counter, now, before in zip(self.counters, found, self.last, strict=True)
        ]
        self.last = found
        if grown:
            self.joules = (self.joules or 0.0) + sum(grown)


def counters(device: torch.device) -> list[Counter]:
    """Those that can be read: of the processors, and of the GPU that computes."""
    return [*processors(POWERCAP), *(graphics(device) if device.type == "cuda" else [])]


def processors(root: Path) -> list[Counter]:
    """A counter a processor package, as Linux' powercap lists them; their parts (cores, memory) are in its own."""
    return [counter for zone in sorted(root.glob("*-rapl:*")) if zone.name.count(":") == 1 for counter in package(zone)]


def package(zone: Path) -> list[Counter]:
    """The counter of one package; none where it cannot be read, as only root may on most systems."""
    file, span = zone / "energy_uj", zone / "max_energy_range_uj"
    try:
        file.read_text()
        most = MICRO * int(span.read_text())
    except (OSError, ValueError):
        return []
    return [Counter(lambda: MICRO * int(file.read_text()), most)]


def graphics(device: torch.device) -> list[Counter]:
    """The counter of one GPU; none where its driver has none."""
    try:
        pynvml.nvmlInit()
        handle = pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{torch.cuda.get_device_properties(device).uuid}")
        pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)
    except pynvml.NVMLError:
        return []
    return [Counter(lambda: MILLI * pynvml.nvmlDeviceGetTotalEnergyConsumption(handle))]
