"""Wrong input to `attnbench speed`: one line that names the value and the choices, before anything is measured."""

from pathlib import Path

import pytest
import torch

from attnbench.benchmarks.cli import main
from attnbench.benchmarks.errors import InputError
from attnbench.benchmarks.speed.options import BASE, given

WRONG = {
    "attention=aditive_soft": "attention=aditive_soft: no such choice; did you mean additive_soft? choices: additive_",
    "attention=": "attention",
    "attention/score=dto": "attention/score=dto: no such choice; did you mean dot?",
    "attention.score.hiden_dim=3": "attention.score.hiden_dim: no such key; did you mean hidden_dim?",
    "attention.score.hidden_dim=0": "hidden_dim=0: must be at least 1",
    "attention/selection=uniform": "selection=uniform reads no scores",
    "attention.score.kernel=lean": "attention.score.kernel=lean: speed measures every kernel",
    "additive_soft": "additive_soft: speed reads attention=NAME",
    "task=reading": "task=reading: speed reads attention=NAME",
    "--batch 0": "--batch 0: must be a whole number, 1 or more",
    "--queries -3": "--queries",
    "--memory many": "--memory many: must be a whole number, 1 or more",
    "--hidden 2.5": "--hidden 2.5: must be a whole number, 1 or more",
    "--grow width=1,2": "--grow width: no such choice; choices: batch, hidden, memory, queries",
    "--grow memory=8,0": "--grow memory= 0: must be a whole number, 1 or more",
    "--grow memory": "--grow memory= : must be a whole number, 1 or more",
    "--pass forwards": "--pass forwards: no such choice; did you mean forward? choices: backward, forward, step",
    "--dtype int8": "--dtype int8: no such choice; choices: bfloat16, float32",
    "--device tpu": "--device tpu: no such choice; did you mean cpu? choices: cpu, cuda",
    "--repeat 0": "--repeat 0: must be a whole number, 1 or more",
    "--seconds no": "--seconds no: must be a number above 0",
    "--seconds nan": "--seconds nan: must be a number above 0",
    "--limit 0": "--limit 0: must be a whole number, 1 or more",
    "--out pyproject.toml": "--out pyproject.toml: is a file; give a folder",
    "--out pyproject.toml/inner": "pyproject.toml",
    "--nonsense": "unrecognized arguments: --nonsense; see attnbench speed --help",
    "--batch": "--batch: expected one argument",
}


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_a_wrong_option_is_told_in_one_line(
    wrong: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").touch()
    with pytest.raises(SystemExit) as caught:
        main(["speed", *wrong.split()])
    assert caught.value.code not in (0, None)
    shown = capsys.readouterr()
    assert shown.err.count("\n") == 1, shown.err
    assert WRONG[wrong] in shown.err
    assert "Traceback" not in shown.err
    assert shown.out == ""
    assert [path.name for path in tmp_path.iterdir()] == ["pyproject.toml"]


def test_a_gpu_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="--device cuda: this machine has no GPU that torch can use; choices: cpu"):
        given(["--device", "cuda"])


def test_overrides_may_stand_anywhere() -> None:
    found = given(["attention=dot_soft", "--batch", "2", "attention/selection=hard", "--no-compile"])
    assert found.overrides == ["attention=dot_soft", "attention/selection=hard"]
    assert (found.plan.base.batch, found.plan.compiled) == (2, False)


def test_memory_grows_unless_one_says_what_does() -> None:
    assert given([]).plan.growth == {"memory": (BASE.memory // 4, BASE.memory, BASE.memory * 4)}
    assert given(["--grow", "none"]).plan.growth == {}
    grown = given(["--grow", "batch=4,1", "--grow", "hidden=8"]).plan.growth
    assert grown == {"batch": (1, 4), "hidden": (8,)}
