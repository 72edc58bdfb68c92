"""Mechanisms alone: what is measured is what is said, and what is wrong or too large is told, not timed."""

import csv
import json
import math
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from attnbench.attention import Attended, Memory
from attnbench.benchmarks.cli import main
from attnbench.benchmarks.speed import forms as forms_module
from attnbench.benchmarks.speed import measure as measure_module
from attnbench.benchmarks.speed.clock import turned
from attnbench.benchmarks.speed.forms import COMPILED, CONTEXT, LEAN, PLAIN, Form, form, forms
from attnbench.benchmarks.speed.gate import TOLERANCE, check
from attnbench.benchmarks.speed.mechanism import Mechanism, mechanisms
from attnbench.benchmarks.speed.plan import PASSES, Plan
from attnbench.benchmarks.speed.row import COLUMNS
from attnbench.benchmarks.speed.sizes import Sizes, grown

TINY = ["--batch", "2", "--queries", "3", "--memory", "8", "--hidden", "4", "--repeat", "2"]
SIZES = Sizes(2, 3, 8, 4)
PLAN = Plan(SIZES, {}, compiled=False, repeat=2)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def rows_of(folder: Path) -> list[dict[str, Any]]:
    return json.loads((folder / "speed.json").read_text("utf-8"))["rows"]


def scaled(by: float) -> Callable[[Form], Form]:
    """A planted fault: the context is off by a factor."""

    def fault(plain: Form) -> Form:
        def read(query: Tensor, memory: Memory) -> Attended:
            found = plain.read(query, memory)
            return found._replace(context=found.context * by)

        return form(LEAN, plain.attention, read)

    return fault


def deaf(plain: Form) -> Form:
    """A planted fault: right values, but no gradient reaches the query."""
    return form(LEAN, plain.attention, lambda query, memory: plain.read(query.detach(), memory))


def louder(plain: Form) -> Form:
    """A planted fault: right values, one gradient of double size."""
    return form(LEAN, plain.attention, lambda query, memory: plain.read(2 * query - query.detach(), memory))


def sound(plain: Form) -> Form:
    """No fault."""
    return plain._replace(name=LEAN)


def with_lean(made: Callable[[Form], Form], monkeypatch: pytest.MonkeyPatch) -> None:
    """Gives every mechanism a lean form, made from its plain one."""

    def planted(mechanism: Mechanism, plan: Plan, sizes: Sizes) -> list[Form]:
        plain, *rest = forms(mechanism, plan, sizes)
        return [plain, made(plain), *(one for one in rest if one.name == COMPILED)]

    monkeypatch.setattr(measure_module, "forms", planted)


def test_all_passes_of_several_mechanisms_are_measured(tmp_path: Path) -> None:
    words = ["attention=dot_soft,dot_hard", "--grow", "memory=5,8", "--grow", "queries=1,3", "--no-compile"]
    main(["speed", *words, *TINY, "--out", str(tmp_path)])
    rows = [row for row in rows_of(tmp_path) if row["form"] == PLAIN]
    cases = {(row["mechanism"], row["pass"], row["queries"], row["memory"]) for row in rows}
    assert cases == {
        (mechanism, kind, *size)
        for mechanism in ("dot_soft", "dot_hard")
        for kind in PASSES
        for size in ((3, 5), (3, 8), (1, 8))
    }
    for row in rows:
        assert (row["batch"], row["hidden"], row["rounds"], row["status"]) == (2, 4, 2, "measured")
        assert 0 < row["first_quartile"] <= row["seconds"] <= row["third_quartile"] < math.inf
        assert row["peak_bytes"] > 0


def test_json_and_csv_say_the_same_and_where_it_was_measured(tmp_path: Path) -> None:
    main(["speed", "attention=dot_soft", *TINY, "--grow", "none", "--no-compile", "--out", str(tmp_path)])
    whole = json.loads((tmp_path / "speed.json").read_text("utf-8"))
    told = list(csv.DictReader((tmp_path / "speed.csv").read_text("utf-8").splitlines()))
    assert [{name: "" if row[name] is None else str(row[name]) for name in COLUMNS} for row in whole["rows"]] == told
    assert whole["provenance"]["threads"] == 1
    assert whole["provenance"]["versions"]["torch"] == torch.__version__.partition("+")[0]
    assert (whole["plan"]["dtype"], whole["plan"]["device"], whole["plan"]["base"]["memory"]) == ("float32", "cpu", 8)


def test_backward_counts_the_gradients_of_inputs_and_parameters(tmp_path: Path) -> None:
    words = ["attention=additive_soft", "--pass", "backward", "--grow", "none", "--no-compile"]
    main(["speed", *words, *TINY, "--out", str(tmp_path / "whole")])
    main(["speed", *words, *TINY, "--prepared", "--out", str(tmp_path / "prepared")])
    inputs = 2 * 3 * 4 + 2 * (2 * 8 * 4)
    assert rows_of(tmp_path / "whole")[0]["gradient_bytes"] == 4 * (inputs + 4 * 4 + 4 * 4 + 4)
    assert rows_of(tmp_path / "prepared")[0]["gradient_bytes"] == 4 * (inputs + 4 * 4 + 4)


@pytest.mark.parametrize("fault", [scaled(1.01), deaf, louder])
def test_a_wrong_kernel_is_not_timed(
    fault: Callable[[Form], Form], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with_lean(fault, monkeypatch)
    words = ["attention=additive_soft", "--pass", "backward", "--grow", "none", "--no-compile"]
    with pytest.raises(SystemExit) as caught:
        main(["speed", *words, *TINY, "--out", str(tmp_path)])
    assert caught.value.code == 1
    assert "check failed: off by" in capsys.readouterr().err
    plain, wrong = rows_of(tmp_path)[:2]
    assert plain["status"] == "measured"
    assert wrong["status"] == "check failed"
    assert wrong["note"].startswith("check failed: off by")
    assert [wrong[name] for name in ("seconds", "peak_bytes", "time_ratio", "memory_ratio")] == [None] * 4
    assert (tmp_path / "speed.svg").exists()


@pytest.mark.parametrize("mechanism", ["additive_soft", "dot_hard"])
def test_a_sound_kernel_is_timed_beside_plain(mechanism: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_lean(sound, monkeypatch)
    main(["speed", f"attention={mechanism}", *TINY, "--grow", "none", "--no-compile", "--out", str(tmp_path)])
    for plain, lean in zip(rows_of(tmp_path)[::2], rows_of(tmp_path)[1::2], strict=True):
        assert (plain["form"], lean["form"], lean["deviation"]) == (PLAIN, LEAN, 0.0)
        assert lean["time_ratio"] == lean["seconds"] / plain["seconds"]
        assert lean["memory_ratio"] == 1.0
        assert plain["time_ratio"] is None


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_rounding_passes_the_check_and_more_does_not(
    dtype: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["speed", "attention=additive_soft", *TINY, "--grow", "none", "--no-compile", "--dtype", dtype]
    with_lean(scaled(1 + 1e-5 if dtype == "float32" else 1.01), monkeypatch)
    main([*words, "--out", str(tmp_path)])
    with_lean(scaled(1 + 1e-3 if dtype == "float32" else 1.2), monkeypatch)
    with pytest.raises(SystemExit):
        main([*words, "--out", str(tmp_path)])


def test_a_form_that_does_not_compile_is_marked_with_the_cause(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(function: Callable[..., Attended], **options: Any) -> Callable[..., Attended]:
        def refuse(*arguments: Tensor) -> Attended:
            raise RuntimeError("No working C++ compiler found\nand much more")

        return refuse

    monkeypatch.setattr(forms_module.torch, "compile", broken)
    main(["speed", "attention=dot_soft", *TINY, "--grow", "none", "--out", str(tmp_path)])
    found = [row for row in rows_of(tmp_path) if row["form"] == COMPILED]
    assert len(found) == len(PASSES)
    assert {(row["status"], row["note"]) for row in found} == {
        ("not compiled", "not compiled: No working C++ compiler found")
    }


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler on a CPU")
def test_what_compiles_is_checked_and_timed_like_a_kernel(tmp_path: Path) -> None:
    words = ["attention=dot_hard", "--pass", "forward", "--grow", "none"]
    main(["speed", *words, *TINY, "--out", str(tmp_path)])
    plain, compiled = rows_of(tmp_path)
    assert (compiled["form"], compiled["status"]) == (COMPILED, "measured"), compiled["note"]
    assert compiled["deviation"] < 1e-4
    assert compiled["time_ratio"] == compiled["seconds"] / plain["seconds"]


def test_mechanisms_are_named_as_everywhere_and_as_wide_as_their_inputs() -> None:
    found = mechanisms(["attention=dot_soft,additive_soft", "attention/selection=hard,softmax"])
    assert [one.name for one in found] == ["dot_hard", "dot_soft", "additive_hard", "additive_soft"]
    (kept,) = mechanisms(["attention=additive_soft", "attention.score.hidden_dim=7"])
    assert kept.name == "additive_soft [score.hidden_dim=7]"
    widths = [sorted(p.shape[0] for p in one.build(5).parameters()) for one in (found[-1], kept)]
    assert widths == [[1, 5, 5], [1, 7, 7]]


def test_every_size_is_measured_once() -> None:
    sizes = list(grown(SIZES, {"memory": (5, 8), "queries": (1, 3)}))
    assert sizes == [SIZES._replace(memory=5), SIZES, SIZES._replace(queries=1)]
    assert list(grown(SIZES, {})) == [SIZES]


def test_every_form_comes_first_and_last_in_turn() -> None:
    orders = [turned(["a", "b", "c"], by) for by in range(6)]
    assert all(sorted(order) == ["a", "b", "c"] for order in orders)
    for place in (0, 1, 2):
        assert sorted(order[place] for order in orders) == ["a", "a", "b", "b", "c", "c"]


def test_every_kernel_is_checked_and_measured_beside_plain(tmp_path: Path) -> None:
    sizes = ["--batch", "4", "--queries", "32", "--memory", "128", "--hidden", "64", "--repeat", "1"]
    words = ["attention=additive_soft", "--pass", "backward", "--grow", "none", "--no-compile"]
    main(["speed", *words, *sizes, "--out", str(tmp_path)])
    plain, lean = rows_of(tmp_path)
    assert (plain["form"], lean["form"], lean["status"]) == (PLAIN, LEAN, "measured"), lean["note"]
    large = 4 * 32 * 128 * 64 * 4
    assert 3 * large <= plain["peak_bytes"] <= 4 * large
    assert lean["peak_bytes"] < large


def test_a_form_is_checked_at_a_small_cousin_where_plain_does_not_fit() -> None:
    seen = []

    def watched(plain: Form) -> Form:
        def read(query: Tensor, memory: Memory) -> Attended:
            seen.append(tuple(query.shape[:2]))
            return plain.read(query, memory)

        return form(LEAN, plain.attention, read)

    plan = Plan(Sizes(32, 50, 2000, 8), {}, compiled=False, limit=2**20)
    (mechanism,) = mechanisms(["attention=additive_soft"])
    plain = forms(mechanism, plan, plan.base)[0]
    assert check(watched(plain), plain, plan, plan.base, "forward", foreseen=True) == 0.0
    assert seen == [(3, 7)]


def test_a_gradient_that_is_only_rounding_is_no_fault() -> None:
    """A key's bias below a softmax has the gradient 0: what is left of it differs from form to form."""
    (mechanism,) = mechanisms(["attention=transformer"])
    plan = Plan(Sizes(2, 4, 16, 16), {}, dtype="bfloat16", compiled=False)
    plain, context = forms(mechanism, plan, plan.base)
    assert context.name == CONTEXT
    assert check(context, plain, plan, plan.base, "backward", foreseen=False) < TOLERANCE["bfloat16"]
