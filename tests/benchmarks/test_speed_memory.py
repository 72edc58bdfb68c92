"""Peak memory is that of tensors whose sizes are known; what does not fit is marked, and nothing is driven out of memory."""

import json
from functools import partial
from pathlib import Path

import pytest
import torch

from attnbench.attention import Memory
from attnbench.attention.score.additive import Additive
from attnbench.benchmarks.cli import main
from attnbench.benchmarks.speed import fit
from attnbench.benchmarks.speed.fit import DoesNotFit, foresee, limited
from attnbench.benchmarks.speed.peak import peak
from attnbench.benchmarks.speed.plan import Plan
from attnbench.benchmarks.speed.sizes import Sizes

MIB = 2**20
BATCH, QUERIES, MEMORY, HIDDEN = 4, 32, 256, 256
LARGE = BATCH * QUERIES * MEMORY * HIDDEN * 4  # bytes of the plain score's tensor: 32 MiB
SMALL = 2 * MIB  # what the rest comes to, at most: projections, scores, gradients


def additive(*, backward: bool) -> None:
    """The plain score as the paper has it, on inputs made before."""
    hidden = torch.tanh(query.unsqueeze(2) + key.unsqueeze(1))
    scores = hidden @ energy
    if backward:
        torch.autograd.grad(scores.sum(), [query, key, energy])


query = torch.randn(BATCH, QUERIES, HIDDEN, requires_grad=True)
key = torch.randn(BATCH, MEMORY, HIDDEN, requires_grad=True)
energy = torch.randn(HIDDEN, requires_grad=True)


def test_temporary_tensors_count() -> None:
    with torch.no_grad():
        found = peak(partial(additive, backward=False), "cpu")
    assert 2 * LARGE <= found.tensors <= 2 * LARGE + SMALL  # the sum, and its tanh


def test_tensors_saved_for_backward_count() -> None:
    found = peak(partial(additive, backward=True), "cpu")
    assert 3 * LARGE <= found.tensors <= 3 * LARGE + 2 * SMALL  # tanh, the gradient that reaches it, the one behind it


def test_the_score_of_the_library_has_the_peak_that_its_large_tensor_says() -> None:
    score = Additive(HIDDEN, HIDDEN, hidden_dim=HIDDEN, kernel="plain")
    memory = Memory(key, key, torch.ones(BATCH, 1, MEMORY, dtype=torch.bool))
    found = peak(lambda: score(query, memory), "cpu")
    assert 2 * LARGE <= found.tensors <= 2 * LARGE + SMALL


def raised_sum(numbers: torch.Tensor) -> torch.Tensor:
    return (numbers + 1).sum()


def test_inputs_do_not_count_and_results_do() -> None:
    large = torch.ones(8 * MIB)
    assert peak(large.sum, "cpu").tensors < 1024
    assert peak(large.clone, "cpu").tensors == large.nbytes
    assert large.nbytes <= peak(partial(raised_sum, large), "cpu").tensors < large.nbytes + 1024


def test_a_block_freed_before_the_peak_does_not_count() -> None:
    def twice() -> None:
        torch.ones(4 * MIB)
        torch.ones(4 * MIB)

    assert peak(twice, "cpu").tensors == 4 * MIB * 4


def test_the_resident_size_agrees_with_the_count_of_tensors() -> None:
    found = peak(partial(additive, backward=True), "cpu")
    if found.resident is None:
        pytest.skip("this system does not tell the peak of a resident size")
    assert abs(found.resident - found.tensors) < LARGE // 4


def test_a_size_beyond_the_limit_is_marked_and_the_others_measured(tmp_path: Path) -> None:
    sizes = ["--batch", "2", "--queries", "16", "--hidden", "4", "--grow", "memory=8,16384"]
    words = ["attention=dot_soft", *sizes, "--pass", "forward", "--repeat", "1", "--no-compile", "--limit", "1"]
    main(["speed", *words, "--out", str(tmp_path)])
    small, large = json.loads((tmp_path / "speed.json").read_text("utf-8"))["rows"]
    assert small["status"] == "measured"
    assert (large["status"], large["seconds"], large["peak_bytes"]) == ("skipped", None, None)
    assert large["note"].startswith("does not fit: needs ")
    assert "1 MiB may be taken" in large["note"]
    assert "not measured (did not fit" in (tmp_path / "speed.svg").read_text("utf-8")


def test_the_plain_additive_score_is_not_even_tried_where_its_tensor_finds_no_room() -> None:
    sizes = Sizes(32, 50, 2000, 256)
    plan = Plan(sizes, {}, limit=8 * 2**30)
    with pytest.raises(DoesNotFit, match=r"needs about 9.155 GiB, "):
        foresee(plan, sizes, "backward")
    foresee(plan, Sizes(1, 1, 10, 16), "backward")


def test_the_system_refuses_what_is_not_there_and_all_is_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit, "available", lambda device: 256 * MIB)
    if fit.status("VmData") is None:
        pytest.skip("only Linux sets such a limit")
    with pytest.raises(DoesNotFit, match=r"needs more than 256 MiB"), limited("cpu"):
        torch.ones(512 * MIB // 4)
    with limited("cpu"):
        torch.ones(64 * MIB // 4)
    torch.ones(512 * MIB // 4)


def test_other_errors_pass_through_the_limit() -> None:
    with pytest.raises(RuntimeError, match="shape"), limited("cpu"):
        torch.ones(2, 3) @ torch.ones(2, 3)


def test_a_container_leaves_what_its_limit_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit, "CGROUP", tmp_path)
    assert fit.free_in_container() is None
    (tmp_path / "memory.current").write_text("100\n")
    (tmp_path / "memory.max").write_text("max\n")
    assert fit.free_in_container() is None
    (tmp_path / "memory.max").write_text("1100\n")
    assert fit.free_in_container() == 1000
    assert fit.available("cpu") == int(1000 * fit.SHARE)
