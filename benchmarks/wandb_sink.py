"""Weights & Biases: one run a cell, under the cell's own hash. Imported only when `logger=wandb` is chosen."""

import netrc
import os
from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

import wandb
from pytorch_lightning.loggers import Logger, WandbLogger

from attnbench.benchmarks.cell import Cell
from attnbench.benchmarks.errors import InputError
from attnbench.benchmarks.exhibit import Exhibit
from attnbench.benchmarks.exhibit_picture import picture
from attnbench.benchmarks.record import Record
from attnbench.benchmarks.sink import Sink

Mode = Literal["auto", "online", "offline"]


def resolved_mode(mode: Mode) -> Literal["online", "offline"]:
    """`auto` is online where WANDB_MODE says so or a login is found, else offline."""
    if mode != "auto":
        return mode
    said = os.environ.get("WANDB_MODE")
    if said:
        return "online" if said == "online" else "offline"
    return "online" if os.environ.get("WANDB_API_KEY") or logged_in() else "offline"


def logged_in() -> bool:
    """Whether `wandb login` has left a key for the server that is used."""
    host = urlsplit(wandb.Settings().base_url).netloc
    try:
        return netrc.netrc().authenticators(host) is not None
    except (OSError, netrc.NetrcParseError):
        return False


class WandbSink(Sink):
    """One W&B run a cell: id = the cell's hash (a resumed cell continues its run), name `<task>/<mechanism>/seed<k>`."""

    def __init__(self, *, project: str, entity: str | None, group: str | None, mode: Mode) -> None:
        if mode not in get_args(Mode):
            raise InputError(f"logger.mode={mode}: must be one of {', '.join(get_args(Mode))}")
        self.project, self.entity, self.group = project, entity, group
        self.mode = resolved_mode(mode)

    def open(self, cell: Cell, *, primary: str, better: str) -> Logger:
        """Starts the cell's run; one that is still alive in this process is ended first, or the two would mix."""
        if wandb.run is not None:
            wandb.finish()
        cell.folder.mkdir(parents=True, exist_ok=True)
        run = wandb.init(
            project=self.project,
            entity=self.entity,
            group=self.group or f"{cell.task}/{cell.attention}",
            job_type="train",
            name=cell.name,
            id=cell.address,
            resume="allow",
            mode=self.mode,
            dir=str(cell.folder),
            config=axes(cell),
            settings=wandb.Settings(silent=True, console="off", x_disable_stats=True),
        )
        for name, summary in summaries(primary, better).items():
            run.define_metric(name, summary=summary)
        return WandbLogger(experiment=run)

    def deliver(self, record: Record, exhibits: Sequence[Exhibit]) -> None:
        """Logs pictures and the table of predictions, and puts test measures and cost into the summary."""
        run = wandb.run
        assert run is not None
        pictures = [wandb.Image(picture(exhibit), caption=exhibit.said) for exhibit in exhibits]
        table = wandb.Table(columns=["example", "said", "truth", "attention"])
        for exhibit, shown in zip(exhibits, pictures, strict=True):
            table.add_data(exhibit.index, exhibit.said, " | ".join(exhibit.truth), shown)
        run.log({"test/predictions": table, "test/attention": pictures})
        groups: dict[str, Mapping[str, float | None]] = {
            "test": record.measures,
            "test/attention": record.attention_quality,
            "cost": record.cost,
            "matching": {name: n for name, n in (record.matching or {}).items() if isinstance(n, int | float)},
        }
        for prefix, values in groups.items():
            run.summary.update({f"{prefix}/{name}": value for name, value in values.items()})
        run.summary.update({"alarms": list(record.alarms)})

    def close(self, *, failed: bool) -> None:
        """Ends the run."""
        if wandb.run is not None:
            wandb.finish(exit_code=1 if failed else 0)


def summaries(primary: str, better: str) -> dict[str, str]:
    """Which value of a curve stands for the run: the best one, not the last."""
    best = {f"val/{primary}": "max" if better == "higher" else "min"}
    return {**best, "val/nll": "min", "val/perplexity": "min", "train/nll": "min"}


def axes(cell: Cell) -> dict[str, Any]:
    """The axes of a comparison as flat keys, and the whole resolved config beside them."""
    return {
        "task": cell.task,
        "data": cell.data,
        "model": cell.model,
        "attention": cell.attention,
        "attention.score": cell.score,
        "attention.selection": cell.selection,
        "seed": cell.seed,
        **{f"budget.{name}": value for name, value in cell.budget.items()},
        "config": cell.resolved,
    }
