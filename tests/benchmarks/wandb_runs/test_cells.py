"""W&B: one run a cell, even in one process; read back from the files that W&B wrote offline."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import wandb

from attnbench.benchmarks.cli import main
from attnbench.benchmarks.errors import InputError
from attnbench.benchmarks.history import History
from attnbench.benchmarks.image_tiles import TILE, image_tiles, size
from attnbench.benchmarks.record import find_records, read_record
from attnbench.benchmarks.wandb_sink import WandbSink
from attnbench.tasks.base import Prediction
from attnbench.tasks.translation import Translation


def cells(runs: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Cells' runs by their ids, each of which occurs once."""
    found = [run for run in runs if run["job_type"] == "train"]
    assert len({run["run_id"] for run in found}) == len(found)
    return {run["run_id"]: run for run in found}


def test_each_cell_has_a_run_of_its_own_with_its_own_config_and_metrics(swept: Path, offline: Any) -> None:
    records = find_records([swept]).values()
    runs = cells(offline.runs(swept))
    assert set(runs) == {record.cell for record in records}
    assert len(runs) == 2
    for record in records:
        run = runs[record.cell]
        axes = ("task", "data", "model", "attention", "score", "selection", "seed", "primary", "better")
        assert {key: run["config"][key] for key in axes} == {key: getattr(record, key) for key in axes}
        assert run["config"]["budget"] == record.budget
        assert not [key for key in run["config"] if "." in key], "W&B takes a dot for a level below"
        assert run["display_name"] == f"translation/{record.attention}/seed0"
        assert run["run_group"] == f"translation/{record.attention}"
        curve = [row["val/nll"] for row in run["history"] if "val/nll" in row]
        assert curve == pytest.approx(record.curves["val/nll"])
        assert [row["epoch"] for row in run["history"] if "val/nll" in row] == [0, 1]
        assert run["summary"]["test/nll"] == pytest.approx(record.measures["nll"])
        assert run["summary"]["cost/parameters"] == record.cost["parameters"]
        assert run["exit"] == 0


def test_the_best_value_stands_for_a_run_and_not_the_last(swept: Path, offline: Any) -> None:
    runs = cells(offline.runs(swept))
    for record in find_records([swept]).values():
        run = runs[record.cell]
        assert run["metrics"]["val/bleu"].summary.max
        assert run["metrics"]["val/nll"].summary.min
        assert all(run["metrics"][name].step_metric == "epoch" for name in ("val/bleu", "val/nll", "train/nll"))
        chosen = {name: value for name, value in run["summary"].items() if name.startswith("validation/")}
        assert chosen == {f"validation/{name}": pytest.approx(value) for name, value in record.validation.items()}
        assert run["summary"]["validation/bleu"] == max(record.curves["val/bleu"])


def test_predictions_come_with_pictures_of_their_attention(swept: Path, offline: Any) -> None:
    assert list(swept.rglob("media/images/**/*.png"))
    assert all(
        any(key.startswith("test/predictions") for row in run["history"] for key in row)
        for run in cells(offline.runs(swept)).values()
    )


def test_the_artifact_holds_the_record_and_its_examples_byte_for_byte(swept: Path, offline: Any) -> None:
    runs = cells(offline.runs(swept))
    for folder, record in find_records([swept]).items():
        kind, files = runs[record.cell]["artifacts"][f"record-{record.cell}"]
        assert kind == "record"
        assert set(files) == {"record.json", "examples.json", "exhibits.json"}
        for name, copy in files.items():
            assert copy.read_bytes() == (folder / name).read_bytes()


def test_the_checkpoint_goes_along_where_it_is_asked_for(swept: Path, offline: Any) -> None:
    for folder, record in find_records([swept]).items():
        kind, files = cells(offline.runs(swept))[record.cell]["artifacts"][f"checkpoint-{record.cell}"]
        assert kind == "model"
        assert {name: path.resolve() for name, path in files.items()} == {
            name: (folder / name).resolve() for name in ("best.ckpt", "config.yaml")
        }


def test_no_key_is_in_anything_that_is_written(swept: Path, offline: Any) -> None:
    files = [file for file in swept.rglob("*") if file.is_file()]
    assert any(file.suffix == ".wandb" for file in files)
    assert any(file.suffix == ".log" for file in files)
    assert not [file for file in files if offline.secret.encode() in file.read_bytes()]


def test_nothing_of_the_machine_goes_along(swept: Path, offline: Any) -> None:
    runs = offline.runs(swept)
    assert not [run for run in runs if str(swept) in repr((run["config"], run["summary"], run["history"]))]
    assert not list(swept.rglob("wandb-metadata.json"))


class Listening:
    """A run that remembers what is logged."""

    def __init__(self) -> None:
        self.logged: dict[str, Any] = {}
        self.summary: dict[str, Any] = {}
        self.artifacts: list[wandb.Artifact] = []

    def log(self, values: Mapping[str, Any]) -> None:
        self.logged |= values

    def log_artifact(self, artifact: wandb.Artifact) -> None:
        self.artifacts.append(artifact)


def sink(**changes: Any) -> WandbSink:
    return WandbSink(**{"project": "p", "entity": None, "group": None, "mode": "offline", **changes})


def test_a_captions_picture_has_a_tile_a_word(
    made: Any, offline: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Listening()
    monkeypatch.setattr(wandb, "run", run)
    exhibits = [made.exhibit["captioning"](name, 0) for name in ("additive_soft", "additive_hard")]
    sink().deliver(made.record("captioning"), exhibits, tmp_path)
    assert len(run.logged["test/attention"]) == 2
    for shown, exhibit in zip(run.logged["test/attention"], exhibits, strict=True):
        assert shown.image.size == size(len(exhibit.queries), TILE)
        assert np.array_equal(np.asarray(shown.image), np.asarray(image_tiles(exhibit)))
    assert [row[0] for row in run.logged["test/predictions"].data] == [0, 0]
    assert [artifact.type for artifact in run.artifacts] == ["record"]


def test_a_failed_cell_ends_its_run_with_its_cause_so_that_the_next_has_its_own(
    tmp_path: Path, offline: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["run", "-m", *offline.tiny, "budget.epochs=1", f"out={tmp_path}", "seed=0,1"]
    measure = Translation.measure

    def breaks_for_seed_0(task: Translation, predictions: Sequence[Prediction]) -> Mapping[str, float]:
        if task.data.seed == 0:
            raise RuntimeError("broken in the middle")
        return measure(task, predictions)

    monkeypatch.setattr(Translation, "measure", breaks_for_seed_0)
    with pytest.raises(SystemExit):
        main(words)
    runs = {run["config"]["seed"]: run for run in cells(offline.runs(tmp_path)).values()}
    assert {seed: run["exit"] for seed, run in runs.items()} == {0: 1, 1: 0}
    assert runs[0]["summary"]["error"] == "broken in the middle"
    (files,) = [files for kind, files in runs[0]["artifacts"].values() if kind == "record"]
    kept = read_record(files["record.json"])
    assert (kept.cell, kept.status, kept.error) == (runs[0]["run_id"], "failed", "broken in the middle")


def test_an_interrupted_cell_ends_its_run_and_goes_on_in_the_same_one(
    tmp_path: Path, offline: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["run", *offline.tiny, f"out={tmp_path}"]
    epoch_end = History.on_train_epoch_end

    def stops_in_the_second(history: History, trainer: Any, module: Any) -> None:
        if trainer.current_epoch == 1:
            raise KeyboardInterrupt
        epoch_end(history, trainer, module)

    with monkeypatch.context() as patch:
        patch.setattr(History, "on_train_epoch_end", stops_in_the_second)
        with pytest.raises(SystemExit):
            main(words)
    main(words)
    stopped, ended = offline.runs(tmp_path)
    (record,) = find_records([tmp_path]).values()
    assert stopped["run_id"] == ended["run_id"] == record.cell
    assert (stopped["exit"], ended["exit"]) == (1, 0)
    assert stopped["summary"]["error"] == "interrupted"
    assert ended["summary"]["error"] is None
    curve = [row["val/nll"] for run in (stopped, ended) for row in run["history"] if "val/nll" in row]
    assert curve[0] == pytest.approx(record.curves["val/nll"][0])
    assert curve[-1] == pytest.approx(record.curves["val/nll"][1])


def test_a_cell_that_cannot_be_delivered_fails_and_its_run_with_it(
    tmp_path: Path, offline: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(run: Any, artifact: Any) -> None:
        raise OSError("no room for files")

    monkeypatch.setattr(wandb.Run, "log_artifact", lost)
    with pytest.raises(SystemExit):
        main(["run", *offline.tiny, "budget.epochs=1", f"out={tmp_path}"])
    (run,) = offline.runs(tmp_path)
    (record,) = find_records([tmp_path]).values()
    assert run["exit"] == 1
    assert (record.status, record.error) == ("failed", "no room for files")


@pytest.mark.usefixtures("unchecked_types")
def test_a_mode_that_is_none_is_refused_by_name() -> None:
    with pytest.raises(InputError, match=r"logger\.mode=sometimes: must be one of auto, online, offline"):
        sink(mode="sometimes")


def test_wandb_is_not_imported_unless_its_logger_is_chosen(tmp_path: Path, offline: Any) -> None:
    script = (
        "import sys; from attnbench.benchmarks.cli import main; "
        f"main(['run', *{offline.tiny[:5]!r}, 'out={tmp_path}']); main(['compare', '{tmp_path}']); "
        "sys.exit('wandb' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=200)
