"""Cells from the command line: records, skipping, failures, interruptions."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from attnbench.benchmarks.cli import main
from attnbench.benchmarks.record import Record, find_records

TINY = [
    "task.data.sizes={train: 40, validation: 8, test: 8}",
    "budget.epochs=2",
    "budget.width=8",
    "budget.batch_size=8",
    "trainer=cpu",
]


def run(out: Path, *words: str) -> None:
    main(["run", *TINY, f"out={out}", *words])


def the_record(out: Path) -> Record:
    (record,) = find_records([out]).values()
    return record


def failing(out: Path, *words: str) -> int:
    with pytest.raises(SystemExit) as caught:
        run(out, *words)
    assert isinstance(caught.value.code, int)
    return caught.value.code


def test_a_cell_leaves_a_record_with_quality_attention_cost_and_provenance(tmp_path: Path) -> None:
    run(tmp_path)
    record = the_record(tmp_path)
    assert record.finished
    assert (record.task, record.data, record.model) == ("translation", "phrases", "rnnsearch")
    assert (record.attention, record.score, record.selection, record.seed) == (
        "additive_soft",
        "additive",
        "softmax",
        0,
    )
    assert {"bleu", "chrf", "exact_match", "nll"} <= set(record.measures)
    assert {"entropy", "mass_on_gold", "pointing_hit", "alignment_error_rate"} <= set(record.attention_quality)
    assert 0 < record.cost["attention_parameters"] < record.cost["parameters"]  # type: ignore[operator]
    assert record.cost["step_seconds"] is not None
    assert len(record.curves["val/bleu"]) == 2
    assert record.signatures["bleu"].startswith("nrefs:1")
    assert {"code", "commit", "versions", "config", "data_checksum", "processor", "gpu"} <= set(record.provenance)


@pytest.mark.parametrize(("patience", "epochs"), [(1, 2), (2, 3)])
def test_training_ends_when_validation_has_not_improved_for_as_long_as_patience_says(
    tmp_path: Path, patience: int, epochs: int
) -> None:
    run(tmp_path, "budget.epochs=6", f"budget.patience={patience}", "budget.learning_rate=1e-12")
    record = the_record(tmp_path)
    assert record.finished
    assert len(record.curves["val/bleu"]) == epochs
    assert record.validation["epoch"] == 1


def test_the_learning_rate_follows_its_schedule_step_by_step(tmp_path: Path) -> None:
    slow, fast = tmp_path / "slow", tmp_path / "fast"
    run(slow, "budget.schedule=linear", "budget.warmup=0.5")
    run(fast)
    losses = [the_record(out).curves["train/nll"][0] for out in (slow, fast)]
    assert losses[0] is not None
    assert losses[1] is not None
    assert losses[0] > losses[1]  # the first half of training is the warm-up


def test_averaging_changes_what_is_judged_and_not_what_is_trained(tmp_path: Path) -> None:
    run(tmp_path / "plain")
    run(tmp_path / "averaged", "budget.averaging=0.9")
    plain, averaged = the_record(tmp_path / "plain"), the_record(tmp_path / "averaged")
    assert averaged.curves["train/nll"] == plain.curves["train/nll"]
    assert averaged.curves["val/nll"] != plain.curves["val/nll"]
    assert averaged.measures["nll"] > plain.measures["nll"]  # type: ignore[operator]  # an average lags while nll still falls


def test_an_average_that_forgets_at_once_is_the_weights_themselves(tmp_path: Path) -> None:
    run(tmp_path / "plain")
    run(tmp_path / "averaged", "budget.averaging=1e-30")
    assert the_record(tmp_path / "averaged").measures == the_record(tmp_path / "plain").measures


def test_predictions_and_per_example_measures_stand_beside_the_record(tmp_path: Path) -> None:
    run(tmp_path)
    (folder,) = find_records([tmp_path])
    examples = json.loads((folder / "examples.json").read_text())
    assert len(examples["said"]) == len(examples["truth"]) == 8
    assert all(len(values) == 8 for values in examples["each"].values())
    assert all(len(values) == 8 for values in examples["attention_each"].values())
    exhibits = json.loads((folder / "exhibits.json").read_text())
    assert all(len(e["weights"]) == len(e["queries"]) for e in exhibits)
    assert all(len(row) == len(e["memory"]) for e in exhibits for row in e["weights"])


def test_no_record_names_a_place_on_this_machine(tmp_path: Path) -> None:
    run(tmp_path)
    (folder,) = find_records([tmp_path])
    assert str(tmp_path) not in (folder / "record.json").read_text()


def test_the_same_choice_is_the_same_cell_however_it_is_asked_for(tmp_path: Path) -> None:
    run(tmp_path, "attention=dot_hard")
    run(tmp_path, "attention/score=dot", "attention/selection=hard")
    assert the_record(tmp_path).attention == "dot_hard"


def test_what_is_overridden_shows_in_the_name(tmp_path: Path) -> None:
    run(tmp_path, "attention.score.hidden_dim=5")
    assert the_record(tmp_path).attention == "additive_soft [score.hidden_dim=5]"


def sweep(*words: str) -> list[str]:
    return ["-m", "attention=additive_soft,uniform", *words]


def test_a_second_sweep_runs_nothing_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(tmp_path, *sweep())
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("record.json")}
    assert len(before) == 2
    capsys.readouterr()
    run(tmp_path, *sweep())
    assert "2 cells: 2 finished before, 0 to run" in capsys.readouterr().out
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("record.json")}


def test_a_sweep_ends_with_the_table_and_the_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(tmp_path, *sweep())
    told = capsys.readouterr().out
    assert "additive_soft" in told
    assert "cell 2 of 2" in told
    assert (tmp_path / "report" / "report.html").exists()
    assert str(tmp_path / "report" / "report.html") in told.replace("\n", "")


def test_a_failed_cell_is_recorded_with_its_cause_while_the_sweep_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refused = ["-m", "attention=uniform,dot_soft", "attention/score=additive", "attention/selection=uniform,softmax"]
    assert failing(tmp_path, *refused) == 1
    records = find_records([tmp_path]).values()
    assert sorted(record.status for record in records) == ["failed", "finished"]
    (failed,) = (record for record in records if not record.finished)
    assert "selection=uniform reads no scores" in str(failed.error)
    error = capsys.readouterr().err
    assert "cells failed" in error
    assert "selection=uniform reads no scores" in error
    assert "Traceback" not in error


def test_a_failed_cell_is_tried_again_only_when_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cell = ["attention/score=additive", "attention/selection=uniform"]
    assert failing(tmp_path, *cell) == 1
    assert failing(tmp_path, *cell) == 1
    assert "failed before" in capsys.readouterr().err
    assert failing(tmp_path, *cell, "retry_failed=true") == 1
    assert "failed before" not in capsys.readouterr().err


def results(out: Path) -> dict[str, Any]:
    return {
        r.attention: (r.measures, r.attention_quality, r.validation, r.curves) for r in find_records([out]).values()
    }


def test_a_sweep_killed_in_the_middle_goes_on_to_the_same_table(tmp_path: Path) -> None:
    # The hard mechanism draws and dropout drops: a resumed run repeats both only if the random state is restored. So it is with
    # where the learning rate's schedule stands, and with the average of the weights.
    words = ["-m", "attention=additive_hard,dot_soft", "budget.epochs=6", "budget.dropout=0.2"]
    words += ["budget.schedule=cosine", "budget.warmup=0.2", "budget.averaging=0.9"]
    run(tmp_path / "whole", *words)
    broken = tmp_path / "broken"
    command = [sys.executable, "-c", "from attnbench.benchmarks.cli import main; main()", "run"]
    process = subprocess.Popen(
        [*command, *TINY, f"out={broken}", *words],
        stdout=subprocess.DEVNULL,
        env={**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())},
    )
    deadline = time.monotonic() + 120
    while not list(broken.rglob("last.ckpt")):
        assert process.poll() is None, "the sweep ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not list(broken.rglob("record.json"))
    run(broken, *words)
    assert results(broken) == results(tmp_path / "whole")


def test_a_damaged_checkpoint_is_thrown_away_and_training_starts_afresh(tmp_path: Path) -> None:
    run(tmp_path / "whole")
    (folder,) = find_records([tmp_path / "whole"])
    copy = tmp_path / "copy" / folder.relative_to(tmp_path / "whole")
    copy.mkdir(parents=True)
    (copy / "last.ckpt").write_bytes((folder / "best.ckpt").read_bytes()[:500])
    run(tmp_path / "copy")
    assert results(tmp_path / "copy") == results(tmp_path / "whole")


def test_the_random_state_of_an_earlier_cell_does_not_reach_the_next(tmp_path: Path) -> None:
    run(tmp_path / "together", "-m", "attention=dot_hard,additive_soft")
    run(tmp_path / "alone", "attention=additive_soft")
    assert results(tmp_path / "together")["additive_soft"] == results(tmp_path / "alone")["additive_soft"]


def test_two_devices_give_the_same_kind_of_record(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from attnbench.benchmarks.cli import main; main()", "run"]
    words = [*TINY, f"out={tmp_path}", "trainer.devices=2"]
    subprocess.run([*command, *words], check=True, stdout=subprocess.DEVNULL, timeout=200)
    record = the_record(tmp_path)
    assert record.finished
    assert record.provenance["devices"] == 2
    assert len(record.curves["val/bleu"]) == 2


def test_heads_need_to_divide_the_model_s_sizes_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is tried before the data is read has other sizes than the model."""
    sized = ["attention=transformer", "attention.heads=5"]
    run(tmp_path, *sized, "budget.width=10", "budget.epochs=1")
    assert failing(tmp_path, *sized, "budget.width=12") == 1
    assert "heads=5: keys of size 12 do not divide evenly" in capsys.readouterr().err
