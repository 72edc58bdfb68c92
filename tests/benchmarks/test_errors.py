"""Wrong input: one clear line that names the value and what would be right, exit code not 0, no traceback unless asked for."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from attnbench.benchmarks.cli import COMMANDS, main

WRONG = {
    "attention=aditive_soft": "attention=aditive_soft: no such choice; did you mean additive_soft? choices: additive_entmax15",
    "attention.score.hiden_dim=3": "attention.score.hiden_dim: no such key; did you mean hidden_dim? choices: hidden_dim",
    "attention.score.hidden_dim=x": "attention.score.hidden_dim=x: must be a whole number",
    "task.model.tied=maybe": "task.model.tied=maybe: must be true or false",
    "task.model.beam=two": "task.model.beam=two: must be a whole number",
    "task.batch_tokens=2.5": "task.batch_tokens=2.5: must be a whole number, or null",
    "+task.model.bean=2": "bean",
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


HOSTILE = {
    "nothing": ({}, "no records found"),
    "a record cut off": ({"record.json": '{"cell": '}, "record.json: not a record (Expecting value"),
    "a record that is a list": ({"record.json": "[]"}, "record.json: not a record of format 1"),
    "a measure that is a word": ({"record.json": {"measures": {"bleu": "thirty"}}}, "not a record (measures.bleu"),
    "a seed that is a list": ({"record.json": {"seed": [1]}}, "record.json: not a record (seed"),
    "curves that are a word": ({"record.json": {"curves": "up"}}, "record.json: not a record (curves"),
    "bytes that are no text": ({"record.json": b"\xff\xfe"}, "record.json: not a record"),
    "a measure that is no number": ({"record.json": '{"measures": {"bleu": NaN}}'}, "record.json: not a record (NaN"),
    "a number without end": (
        {"record.json": '{"seed": 1e999}'},
        "record.json: not a record (1e999: not a finite number)",
    ),
    "a number of 5000 digits": ({"record.json": "9" * 5000}, "record.json: not a record (Exceeds the limit"),
    "lists without end": ({"exhibits.json": "[" * 100_000}, "exhibits.json: damaged (maximum recursion depth"),
    "weights that are no numbers": (
        {"exhibits.json": '[{"weights": [[Infinity]]}]'},
        "exhibits.json: damaged (Infinity",
    ),
    "examples that are a list": ({"examples.json": "[1]"}, "examples.json: damaged"),
    "a truth that is a number": ({"examples.json": '{"said": ["a"], "truth": [1], "each": {}}'}, "damaged (truth.0"),
    "a value that is a word": (
        {"examples.json": '{"said": ["a"], "truth": [["a"]], "each": {"bleu": ["x"]}}'},
        "examples.json: damaged (each.bleu.0",
    ),
    "exhibits that are numbers": ({"exhibits.json": "[1]"}, "exhibits.json: damaged (0: "),
    "weights that are a word": ({"exhibits.json": {"weights": "x"}}, "exhibits.json: damaged (0.weights"),
    "weights of another size": ({"exhibits.json": {"weights": [[0.5, 0.5]]}}, "weights or gold of another size"),
    "gold of another size": ({"exhibits.json": {"gold": [[True]]}}, "weights or gold of another size"),
}


def written(path: Path, changed: str | dict[str, Any]) -> bytes:
    """The text itself, or what the file holds with some of its keys (of a list, of its first part) changed."""
    if isinstance(changed, str):
        return changed.encode()
    whole = json.loads(path.read_text("utf-8"))
    return json.dumps([{**whole[0], **changed}] if isinstance(whole, list) else {**whole, **changed}).encode()


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize("kind", HOSTILE, ids=str)
def test_damaged_results_are_told_in_one_line_that_names_the_file(
    kind: str, made: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files, reason = HOSTILE[kind]
    if files:
        place = made.keep(tmp_path, made.record(), [made.exhibit["translation"]("additive_soft", 0)])
    for name, changed in files.items():
        (place / name).write_bytes(changed if isinstance(changed, bytes) else written(place / name, changed))
    error = told(["compare", str(tmp_path), "--out", str(tmp_path / "report")], capsys)
    assert reason in error
    assert all(str(place / name) in error for name in files)
    assert not (tmp_path / "report").exists()
