"""A small sweep whose runs W&B keeps offline, and what is in the files that it writes."""

import json
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from wandb.proto import wandb_internal_pb2

from attnbench.benchmarks.cli import main

TINY = [
    "task.data.sizes={train: 24, validation: 8, test: 8}",
    "budget.epochs=2",
    "budget.width=8",
    "budget.batch_size=8",
    "trainer=cpu",
    "logger=wandb",
    "logger.mode=offline",
]
SECRET = "5ec2e7" * 6 + "5ec2"  # 40 signs, as a key has
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
    """What one offline run holds: its id, names, config, history rows, summary, metric definitions and artifacts."""
    found: dict[str, Any] = {"config": {}, "history": [], "summary": {}, "metrics": {}, "artifacts": {}, "exit": None}
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
                {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in items}
            )
        elif kind == "summary":
            for item in entry.summary.update:
                found["summary"][item.key or ".".join(item.nested_key)] = json.loads(item.value_json)
        elif kind == "metric":
            found["metrics"][entry.metric.name or entry.metric.glob_name] = entry.metric
        elif kind == "artifact":
            files = {item.path: Path(item.local_path) for item in entry.artifact.manifest.contents}
            found["artifacts"][entry.artifact.name] = (entry.artifact.type, files)
        elif kind == "exit":
            found["exit"] = entry.exit.exit_code
    return found


def offline_runs(out: Path) -> list[dict[str, Any]]:
    """All runs below a folder, one for every time that a process opened it, in that order."""
    return [ended(file) for file in sorted(out.rglob("offline-run-*/*.wandb"), key=lambda file: file.parent.name)]


def ended(file: Path) -> dict[str, Any]:
    """What a run holds once its end is on disk: W&B's own process writes it a moment after the run has ended."""
    waited = time.monotonic() + 60
    found = written(file)
    while found["exit"] is None and time.monotonic() < waited:
        time.sleep(0.05)
        found = written(file)
    return found


class Offline(NamedTuple):
    """What tests use."""

    tiny: list[str] = TINY
    secret: str = SECRET
    runs: Callable[[Path], list[dict[str, Any]]] = offline_runs


@pytest.fixture(scope="session")
def offline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Offline]:
    """W&B with a key, files of its own, and no network."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANDB_DATA_DIR", str(tmp_path_factory.mktemp("data")))
        patch.setenv("WANDB_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("WANDB_MODE", "offline")
        patch.setenv("WANDB_API_KEY", SECRET)
        yield Offline()


@pytest.fixture(scope="session")
def swept(offline: Offline, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two cells and their comparison, with checkpoints."""
    out = tmp_path_factory.mktemp("runs")
    main(["run", "-m", *TINY, f"out={out}", "attention=additive_soft,uniform", "logger.checkpoint=true"])
    return out
