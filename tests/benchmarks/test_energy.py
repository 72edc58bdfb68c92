"""Energy by the machine's counters: what is read, what is summed, and what cannot be read."""

from pathlib import Path
from types import SimpleNamespace

import pynvml
import pytest
import torch

from attnbench.benchmarks import energy
from attnbench.benchmarks.energy import Counter, Energy

CPU = torch.device("cpu")


def zone(root: Path, name: str, microjoules: str, span: str = "1000000000") -> Path:
    """A folder as Linux' powercap has them."""
    made = root / name
    made.mkdir()
    (made / "energy_uj").write_text(f"{microjoules}\n")
    (made / "max_energy_range_uj").write_text(f"{span}\n")
    return made


def test_packages_count_and_their_parts_do_not_again(tmp_path: Path) -> None:
    first = zone(tmp_path, "intel-rapl:0", "5000000")
    zone(tmp_path, "intel-rapl:0:0", "4000000")
    zone(tmp_path, "intel-rapl:1", "7000000")
    found = energy.processors(tmp_path)
    assert [(counter.read(), counter.span) for counter in found] == [(5.0, 1000.0), (7.0, 1000.0)]
    (first / "energy_uj").write_text("6500000\n")
    assert found[0].read() == 6.5


@pytest.mark.parametrize("broken", ["missing", "no number"])
def test_a_package_that_cannot_be_read_is_none(tmp_path: Path, broken: str) -> None:
    made = zone(tmp_path, "intel-rapl:0", "5", span="many" if broken == "no number" else "9")
    if broken == "missing":
        (made / "energy_uj").unlink()
    assert energy.processors(tmp_path) == []


def test_what_is_spent_after_the_start_is_summed_and_a_counter_may_start_again() -> None:
    standing = SimpleNamespace(one=90.0, other=1000.0)
    spent = Energy(lambda device: [Counter(lambda: standing.one, 100.0), Counter(lambda: standing.other)])
    spent.start(CPU)
    assert spent.joules is None
    standing.one, standing.other = 95.0, 1002.0
    spent.take()
    assert spent.joules == 7.0
    standing.one = 4.0  # 9 more: 5 to its end, 4 from its beginning
    spent.take()
    assert spent.joules == 16.0


def test_without_counters_energy_is_not_known() -> None:
    spent = Energy(lambda device: [])
    spent.start(CPU)
    spent.take()
    assert spent.joules is None


def test_a_gpu_is_found_by_its_identity_and_read_in_millijoules(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace(uuid="ab-12"))
    monkeypatch.setattr(pynvml, "nvmlInit", lambda: None)
    monkeypatch.setattr(pynvml, "nvmlDeviceGetHandleByUUID", lambda name: asked.append(name) or "handle")
    monkeypatch.setattr(pynvml, "nvmlDeviceGetTotalEnergyConsumption", {"handle": 2500}.get)
    (counter,) = energy.graphics(torch.device("cuda:0"))
    assert (asked, counter.read(), counter.span) == (["GPU-ab-12"], 2.5, None)


def test_a_gpu_without_a_counter_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)

    monkeypatch.setattr(pynvml, "nvmlInit", refuse)
    assert energy.graphics(torch.device("cuda:0")) == []
