"""Runs of readers: one that looks nowhere, and one that starts from word vectors, from the command line to the report."""

import json
from pathlib import Path

import pytest

from attnbench.benchmarks.cli import main
from attnbench.benchmarks.record import Record, find_records

TINY = [
    "task=reading",
    "task.data.sizes={train: 16, validation: 4, test: 4}",
    "budget.epochs=1",
    "budget.width=6",
    "budget.batch_size=8",
    "trainer=cpu",
]


def run(out: Path, *words: str) -> tuple[Path, Record]:
    before = set(find_records([out])) if out.exists() else set()
    main(["run", *TINY, f"out={out}", *words])
    ((folder, record),) = ((path, one) for path, one in find_records([out]).items() if path not in before)
    return folder, record


def test_a_reader_without_attention_leaves_a_record_a_report_and_nothing_to_draw(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, record = run(tmp_path, "task/model=deep_lstm_reader", "attention=uniform")
    assert record.finished
    assert "accuracy" in record.measures
    assert (record.attention_quality, record.alarms, record.cost["attention_parameters"]) == ({}, [], 0)
    assert json.loads((folder / "exhibits.json").read_text()) == []
    main(["compare", str(tmp_path), "--out", str(tmp_path / "report")])
    capsys.readouterr()
    with pytest.raises(SystemExit):
        main(["show", str(folder), "--example", "1"])
    told = capsys.readouterr().err.splitlines()
    assert told == ["attnbench: task/model=deep_lstm_reader: looks nowhere, so there is nothing to draw"]


def test_attention_for_a_reader_without_is_refused_in_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        run(tmp_path, "task/model=deep_lstm_reader", "attention=dot_soft")
    assert "has no attention that could be compared: give attention=uniform" in capsys.readouterr().err


def test_word_vectors_are_part_of_a_cells_identity_and_told_in_its_record(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, words = tmp_path / "data", ["attention=dot_soft", "task.vectors=v.txt", "task.model.embedding_dim=2"]
    data.mkdir()
    (data / "v.txt").write_text("in 1 2\noslo 3 4\nnowhere 5 6\n")
    _, first = run(tmp_path / "runs", *words, f"data_dir={data}")
    assert first.findings["word with a vector"]["count"] == 2
    assert "word with a vector: 2 (kept: train 2): in, oslo" in " ".join(capsys.readouterr().out.split())
    (data / "v.txt").write_text("in 1 2\noslo 3 5\n")
    folder, second = run(tmp_path / "runs", *words, f"data_dir={data}")
    assert first.cell != second.cell
    (data / "v.txt").unlink()
    main(["show", str(folder), "--example", "1"])
    assert "said: " in capsys.readouterr().out
