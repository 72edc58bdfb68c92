"""W&B: one run a cell, even in one process; read back from the files that W&B wrote offline."""

import json
import struct
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import wandb
from wandb.proto import wandb_internal_pb2

from attnbench.benchmarks.cli import main
from attnbench.benchmarks.image_tiles import TILE, image_tiles, size
from attnbench.benchmarks.record import find_records
from attnbench.benchmarks.wandb_sink import WandbSink
from attnbench.tasks.base import Prediction
from attnbench.tasks.translation import Translation

TINY = [
    "task.data.sizes={train: 24, validation: 8, test: 8}",
    "budget.epochs=2",
    "budget.width=8",
    "budget.batch_size=8",
    "trainer=cpu",
    "logger=wandb",
    "logger.mode=offline",
]


BLOCK, HEAD, FILE_HEAD = 32768, 7, 7


def entries(data: bytes) -> Iterator[bytes]:
    """The entries of W&B's offline file: behind a head, LevelDB's log format (blocks whose parts have a head each)."""
    position, parts = FILE_HEAD, b""
    while position + HEAD <= len(data):
        left = BLOCK - position % BLOCK
        if left < HEAD:
            position += left
            continue
        length, kind = struct.unpack_from("<HB", data, position + 4)
        parts += data[position + HEAD : position + HEAD + length]
        position += HEAD + length
        if kind in (1, 4):  # a whole entry, or the last part of one
            yield parts
            parts = b""


def written(file: Path) -> dict[str, Any]:
    """What one offline run holds: its id, names, config, history rows, summary and metric definitions."""
    found: dict[str, Any] = {"config": {}, "history": [], "summary": {}, "metrics": {}, "exit": None}
    for data in entries(file.read_bytes()):
        entry = wandb_internal_pb2.Record()
        entry.ParseFromString(data)
        kind = entry.WhichOneof("record_type")
        if kind == "run":
            found |= {key: getattr(entry.run, key) for key in ("run_id", "display_name", "run_group", "job_type")}
            found["config"] |= {item.key: json.loads(item.value_json) for item in entry.run.config.update}
        elif kind == "history":
            items = entry.history.item
            found["history"].append(
                {item.key or ".".join(item.nested_key): json.loads(item.value_json) for item in items}
            )
        elif kind == "summary":
            for item in entry.summary.update:
                found["summary"][item.key or ".".join(item.nested_key)] = json.loads(item.value_json)
        elif kind == "metric":
            found["metrics"][entry.metric.name] = entry.metric.summary
        elif kind == "exit":
            found["exit"] = entry.exit.exit_code
    return found


def offline_runs(out: Path) -> dict[str, dict[str, Any]]:
    runs = [written(file) for file in out.rglob("*.wandb")]
    return {run["run_id"]: run for run in runs}


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs")
    main(["run", "-m", *TINY, f"out={out}", "attention=additive_soft,uniform"])
    return out


def test_each_cell_has_a_run_of_its_own_with_its_own_config_and_metrics(swept: Path) -> None:
    records = find_records([swept]).values()
    runs = offline_runs(swept)
    assert set(runs) == {record.cell for record in records}
    assert len(runs) == 2
    for record in records:
        run = runs[record.cell]
        assert run["config"]["attention"] == record.attention
        assert run["config"]["seed"] == 0
        assert run["config"]["budget.width"] == 8
        assert run["display_name"] == f"translation/{record.attention}/seed0"
        assert run["run_group"] == f"translation/{record.attention}"
        assert run["job_type"] == "train"
        curve = [row["val/nll"] for row in run["history"] if "val/nll" in row]
        assert curve == pytest.approx(record.curves["val/nll"])
        assert run["summary"]["test/nll"] == pytest.approx(record.measures["nll"])
        assert run["summary"]["cost/parameters"] == record.cost["parameters"]
        assert run["exit"] == 0


def test_the_best_value_stands_for_a_run_and_not_the_last(swept: Path) -> None:
    for run in offline_runs(swept).values():
        assert run["metrics"]["val/bleu"].max
        assert run["metrics"]["val/nll"].min


def test_predictions_come_with_pictures_of_their_attention(swept: Path) -> None:
    assert list(swept.rglob("media/images/**/*.png"))
    assert all(
        any(key.startswith("test/predictions") for row in run["history"] for key in row)
        for run in offline_runs(swept).values()
    )


class Listening:
    """A run that remembers what is logged."""

    def __init__(self) -> None:
        self.logged: dict[str, Any] = {}
        self.summary: dict[str, Any] = {}

    def log(self, values: Mapping[str, Any]) -> None:
        self.logged |= values


def test_a_captions_picture_has_a_tile_a_word(made: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Listening()
    monkeypatch.setattr(wandb, "run", run)
    exhibits = [made.exhibit["captioning"](name, 0) for name in ("additive_soft", "additive_hard")]
    WandbSink(project="p", entity=None, group=None, mode="offline").deliver(made.record("captioning"), exhibits)
    assert len(run.logged["test/attention"]) == 2
    for shown, exhibit in zip(run.logged["test/attention"], exhibits, strict=True):
        assert shown.image.size == size(len(exhibit.queries), TILE)
        assert np.array_equal(np.asarray(shown.image), np.asarray(image_tiles(exhibit)))
    assert [row[0] for row in run.logged["test/predictions"].data] == [0, 0]


def test_a_failed_cell_ends_its_run_so_that_the_next_has_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["run", "-m", *TINY, f"out={tmp_path}", "seed=0,1"]
    measure = Translation.measure

    def breaks_for_seed_0(task: Translation, predictions: Sequence[Prediction]) -> Mapping[str, float]:
        if task.data.seed == 0:
            raise RuntimeError("broken in the middle")
        return measure(task, predictions)

    monkeypatch.setattr(Translation, "measure", breaks_for_seed_0)
    with pytest.raises(SystemExit):
        main(words)
    runs = offline_runs(tmp_path)
    assert sorted(run["exit"] for run in runs.values()) == [0, 1]


def test_wandb_is_not_imported_unless_its_logger_is_chosen(tmp_path: Path) -> None:
    script = (
        "import sys; from attnbench.benchmarks.cli import main; "
        f"main(['run', *{TINY[:5]!r}, 'out={tmp_path}']); sys.exit('wandb' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=200)
