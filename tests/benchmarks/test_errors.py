"""Wrong input: one clear line that names the value and what would be right, exit code not 0, no traceback unless asked for."""

import gzip
from pathlib import Path

import pytest

from attnbench.benchmarks.cli import COMMANDS, main

WRONG = {
    "attention=aditive_soft": "attention=aditive_soft: no such choice; did you mean additive_soft? choices: additive_entmax15",
    "attention.score.hiden_dim=3": "attention.score.hiden_dim: no such key; did you mean hidden_dim? choices: hidden_dim",
    "attention.score.hidden_dim=0": "hidden_dim=0: must be at least 1",
    "task/data=nope": "task/data=nope: no such choice; choices: babi_10k",
    "task/data=scenes": "task/data=scenes: task translation reads sentence pairs",
    "task=translatoin": "task=translatoin: no such choice; did you mean translation?",
    "seed=x": "seed=x: must be a whole number, 0 or more",
    "seed=-1": "seed=-1: must be a whole number, 0 or more",
    "+sed=1": "sed: no such key; did you mean seed?",
    "+budget.epoch=1": "epoch",
    "budget.epochs=many": "epochs=many: must be a whole number, 1 or more",
    "budget.learning_rate=0": "learning_rate=0: must be a number above 0",
    "budget.match=params": "match=params: must be one of none, parameters, flops",
    "budget.reference=aditive_soft": "budget.reference=aditive_soft: no such attention preset; did you mean additive_soft?",
    "trainer.precision=int8": "precision=int8: must be one of auto, 32-true",
    "estimator.reward=sentence": "reward=sentence: must be one of example, symbol",
    "logger=tensorbord": "logger=tensorbord: no such choice",
    "experiment=quikstart": "experiment=quikstart: no such choice; did you mean quickstart?",
    "launcher=jobs": "launcher=jobs: no such choice; did you mean joblib?",
    "seed=": "seed",
    "nonsense": "nonsense",
    "data_dir=/nowhere": "data_dir=/nowhere: no such folder; give the one that holds the data sets",
}


def told(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code not in (0, None)
    error = capsys.readouterr().err
    assert "Traceback" not in error
    assert error.count("\n") == 1, error
    return error


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_a_wrong_option_is_told_in_one_line(wrong: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert WRONG[wrong] in told(["run", "trainer=cpu", f"out={tmp_path}", wrong], capsys)


def test_a_data_folder_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["run", f"out={tmp_path}", "task/data=multi30k", "data_dir=/nowhere"]
    assert "data_dir=/nowhere: no such folder" in told(words, capsys)
    assert not list(tmp_path.rglob("record.json"))


def test_a_data_folder_that_is_not_set_is_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ATTNBENCH_DATA", raising=False)
    assert "data_dir is not set" in told(["run", f"out={tmp_path}", "task/data=multi30k"], capsys)


def test_a_truncated_data_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "multi30k" / "tok"
    folder.mkdir(parents=True)
    for split in ("train", "val", "test_2016_flickr"):
        for language in ("en", "de"):
            (folder / f"{split}.{language}.gz").write_bytes(gzip.compress(b"a line\n" * 50))
    whole = (folder / "train.de.gz").read_bytes()
    (folder / "train.de.gz").write_bytes(whole[:-9])
    error = told(["run", f"out={tmp_path / 'runs'}", "task/data=multi30k", f"data_dir={tmp_path}"], capsys)
    assert "train.de.gz: cannot be read, cut short or damaged" in error


def test_the_whole_story_is_told_when_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["run", f"out={tmp_path}", "seed=x", "--traceback"])
    assert "Traceback" in capsys.readouterr().err


def test_an_unknown_command_names_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert f"choices: {', '.join(COMMANDS)}" in told(["rnu"], capsys)


def test_an_unknown_group_names_the_groups(capsys: pytest.CaptureFixture[str]) -> None:
    assert "did you mean attention?" in told(["list", "atention"], capsys)


def test_comparing_what_is_not_there_names_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert "/nowhere: no such file or folder" in told(["compare", "/nowhere"], capsys)
