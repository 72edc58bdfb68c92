"""`attnbench speed training`: what is counted, and what is refused."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch

from attnbench.benchmarks.cli import main
from attnbench.benchmarks.speed.peak_rate import SIDE, peak_rate
from attnbench.benchmarks.speed.training import Warmed
from attnbench.tasks.lit import LitTask

SMALL = ["task.data.sizes={train: 40, validation: 8, test: 8}", "budget.width=8", "budget.batch_size=8", "trainer=cpu"]


def test_the_warm_up_is_not_counted(monkeypatch: pytest.MonkeyPatch, unchecked_types: None) -> None:
    clock = SimpleNamespace(seconds=0.0)
    monkeypatch.setattr(Warmed, "now", staticmethod(lambda module: clock.seconds))
    trainer = cast(Any, SimpleNamespace(num_training_batches=9, current_epoch=0, callback_metrics={}))
    diary, module = Warmed(2), LitTask.__new__(LitTask)
    diary.on_train_epoch_start(trainer, module)
    for number, seconds in enumerate((50.0, 40.0, 3.0, 5.0)):
        clock.seconds += 1.0  # loading
        diary.on_train_batch_start(trainer, module, None, number)
        module.symbols, module.examples = 20, 5
        clock.seconds += seconds
        diary.on_train_batch_end(trainer, module, None, None, number)
    assert diary.steps == [3.0, 5.0]
    assert diary.symbols_per_second == pytest.approx(40 / 10)
    assert diary.examples_per_second == pytest.approx(10 / 10)


def test_a_cell_is_trained_for_the_steps_that_were_asked_for_and_no_longer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "speed.json"
    main(["speed", "training", *SMALL, "attention=dot_soft", "--steps", "7", "--warm-up", "3", "--out", str(out)])
    found = json.loads(out.read_text())
    assert (found["attention"], found["data"], found["precision"]) == ("dot_soft", "phrases", "32-true")
    assert found["steps"] == 7  # of 5 steps an epoch: more than one epoch if need be
    low, high = found["step_quartiles"]
    assert low <= found["step_seconds"] <= high
    assert found["share"] == pytest.approx(found["flops_per_second"] / found["matrix_flops_per_second"])
    assert str(tmp_path) not in out.read_text().replace(str(out), "")
    assert "target words a second" in capsys.readouterr().out


def test_of_an_experiment_the_one_cell_that_is_named_is_measured(tmp_path: Path) -> None:
    out = tmp_path / "speed.json"
    words = ["experiment=soft_vs_hard", "task=translation", "attention=dot_hard", *SMALL]
    main(["speed", "training", *words, "--steps", "3", "--warm-up", "1", "--out", str(out)])
    found = json.loads(out.read_text())
    assert (found["task"], found["attention"], found["steps"]) == ("translation", "dot_hard", 3)


def test_the_peak_is_the_fastest_of_several_products(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([4.0, 2.0, *[8.0] * 8])
    monkeypatch.setattr("attnbench.benchmarks.speed.peak_rate.seconds", lambda left, right: next(times))
    assert peak_rate("cpu", "32-true") == 2 * SIDE**3 / 2.0


@pytest.mark.parametrize(("precision", "kind"), [("32-true", torch.float32), ("bf16-mixed", torch.bfloat16)])
def test_the_peak_is_measured_in_the_type_of_the_training(
    monkeypatch: pytest.MonkeyPatch, precision: str, kind: torch.dtype
) -> None:
    seen: list[torch.dtype] = []
    monkeypatch.setattr(
        "attnbench.benchmarks.speed.peak_rate.seconds", lambda left, right: seen.append(left.dtype) or 1.0
    )
    peak_rate("cpu", precision)
    assert set(seen) == {kind}


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--steps", "0"], "--steps"),
        (["--stpes", "3"], "--stpes: no such option; see attnbench speed training --help"),
        (["attention=aditive_soft"], "aditive_soft"),
        (["budget.learning_rate=0"], "learning_rate=0: must be a number above 0"),
    ],
)
def test_a_wrong_word_is_named(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["speed", "training", *SMALL, *words])
    assert left.value.code == 1
    error = capsys.readouterr().err
    assert message in error
    assert len(error.strip().splitlines()) == 1
