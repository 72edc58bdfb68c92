"""The command `attnbench test RUN`: a run's model is tested again, on another test split or by another search.

A record stands beside what came out, as a run's does: `attnbench compare` reads it, in a table of its own where data are others.
"""

import copy
import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from attnbench.benchmarks.arguments import Arguments
from attnbench.benchmarks.errors import InputError
from attnbench.benchmarks.outcome import outcome, write_outcome
from attnbench.benchmarks.provenance import provenance
from attnbench.benchmarks.record import Record, content_address, write_record
from attnbench.benchmarks.restored import Restored, read_config, restored, settle
from attnbench.benchmarks.training import quiet
from attnbench.tasks.lit import Judged
from attnbench.tasks.source import Source

MAY_CHANGE = "task."  # what decided training stays as it was


class Parser(Arguments):
    """What the command line may say."""

    def __init__(self) -> None:
        super().__init__("attnbench test", __doc__)
        self.add_argument("run", type=Path, metavar="RUN", help="a run's folder, which holds record.json and best.ckpt")
        self.add_argument(
            "changes",
            nargs="*",
            metavar="KEY=VALUE",
            help="of the run's config: task.data.test=NAME, task.model.beam=N",
        )
        self.add_argument(
            "--out", type=Path, metavar="FOLDER", default=Path("retests"), help="where the record goes (retests)"
        )
        self.add_argument(
            "--data-dir", default=os.environ.get("ATTNBENCH_DATA"), help="where data sets lie (ATTNBENCH_DATA)"
        )


def test(arguments: Sequence[str]) -> Path:
    """Tests and writes; the new record's folder. Raises RecordError, InputError, DataError."""
    given = Parser().parse_args(arguments)
    changes = changed(given.changes)
    places = {"data_dir": given.data_dir, "cache_dir": os.environ.get("ATTNBENCH_CACHE")}
    run = restored(given.run, places, changes)
    config = read_config((given.run if given.run.is_dir() else given.run.parent) / "config.yaml")
    judged = Judged()
    with quiet(), Console(stderr=True).status("testing"), torch.inference_mode(), computed_as(run.record):
        for batch in run.task.data.test_dataloader():
            judged.judge(run.task, run.model, batch, torch.device("cpu"))
        measures = {**run.task.measure(judged.predictions), **judged.likelihood()}
    record = tested(run, judged, measures, changes, given.changes)
    record = replace(record, data=record.data.removesuffix(part(config, places)) + run.task.data.source.part)
    folder = given.out / f"{record.task}-{record.data}" / f"seed{record.seed}-{record.cell}"
    write_outcome(folder, run.task, judged)
    (folder / "config.yaml").write_text(OmegaConf.to_yaml(with_changes(config, changes)), "utf-8")
    write_record(folder, record)
    primary = record.measures[record.primary]
    print(f"{record.task} ({record.data}): {record.primary} {primary:.2f}\n{folder}")  # noqa: T201
    return folder


def changed(words: Sequence[str]) -> dict[str, Any]:
    """Dotted keys and their values. Raises InputError for what is no change of the task."""
    found: dict[str, Any] = {}
    for word in words:
        key, sign, _ = word.partition("=")
        if not sign or not key.startswith(MAY_CHANGE):
            raise InputError(f"{word}: must be KEY=VALUE of the task, such as task.data.test=NAME or task.model.beam=5")
        found[key] = OmegaConf.select(OmegaConf.from_dotlist([word]), key)
    return found


def part(config: DictConfig, places: Mapping[str, str | None]) -> str:
    """What follows the name of the run's own data."""
    config = copy.deepcopy(config)
    settle(config.task, places)
    source: Source = instantiate(config.task.data)
    return source.part


def with_changes(config: DictConfig, changes: dict[str, Any]) -> DictConfig:
    """The config with other values of some of its keys."""
    for key, value in changes.items():
        OmegaConf.update(config, key, value)
    return config


def computed_as(record: Record) -> AbstractContextManager[Any]:
    """In the precision of the run, as a CPU has it."""
    mixed = {"bf16-mixed": torch.bfloat16}.get(str(record.provenance.get("precision")))
    return nullcontext() if mixed is None else torch.autocast("cpu", mixed)


def tested(
    run: Restored, judged: Judged, measures: dict[str, float], changes: dict[str, Any], words: Sequence[str]
) -> Record:
    """The run's record with what came out now; training's cost, curves and validation are the run's own."""
    record, checksum = run.record, run.task.data.source.checksum()
    now = provenance()
    origin = {
        **record.provenance,
        "data_checksum": checksum,
        "overrides": [*record.provenance.get("overrides", []), *words],
        "tested": {"run": record.cell, "changes": changes, "commit": now["commit"], "finished": now["finished"]},
    }
    return replace(
        record,
        cell=content_address({"tested": record.cell, "changes": changes, "data": checksum}),
        provenance=origin,
        cost={**record.cost, "predictions_per_second": judged.predictions_per_second},
        **outcome(run.task, judged, measures, record.selection),
    )
