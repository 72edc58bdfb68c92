"""Weights & Biases: one run a cell, under the cell's own hash. Imported only when `logger=wandb` is chosen."""

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import wandb
from pytorch_lightning.loggers import Logger, WandbLogger

from attnbench.benchmarks.cell import Cell
from attnbench.benchmarks.comparison import Comparison
from attnbench.benchmarks.exhibit import Exhibit
from attnbench.benchmarks.exhibit_picture import picture
from attnbench.benchmarks.record import Record
from attnbench.benchmarks.report import ReportPaths
from attnbench.benchmarks.sink import Sink
from attnbench.benchmarks.wandb_artifacts import checkpoint_artifact, record_artifact
from attnbench.benchmarks.wandb_comparison import log_comparison
from attnbench.benchmarks.wandb_mode import Mode, Project, resolved_mode, settings


class WandbSink(Sink):
    """One W&B run a cell: id = the cell's hash (a resumed cell continues its run), name `<task>/<mechanism>/seed<k>`."""

    def __init__(
        self, *, project: str, entity: str | None, group: str | None, mode: Mode, checkpoint: bool = False
    ) -> None:
        self.project, self.entity, self.group, self.checkpoint = project, entity, group, checkpoint
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
            config={**axes(cell), "primary": primary, "better": better},
            settings=settings(),
        )
        run.define_metric("epoch", hidden=True)
        for name, summary in summaries(primary, better).items():
            run.define_metric(name, step_metric="epoch", summary=summary)
        return WandbLogger(experiment=run)

    def deliver(self, record: Record, exhibits: Sequence[Exhibit], folder: Path) -> None:
        """Logs pictures, the table of predictions and the record's file; puts measures and cost into the summary."""
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
            "validation": record.validation,
            "cost": record.cost,
            "matching": {name: n for name, n in (record.matching or {}).items() if isinstance(n, int | float)},
        }
        for prefix, values in groups.items():
            run.summary.update({f"{prefix}/{name}": value for name, value in values.items()})
        run.summary.update({"alarms": list(record.alarms), "error": None})
        run.log_artifact(record_artifact(record, folder))
        if self.checkpoint:
            run.log_artifact(checkpoint_artifact(record, folder))

    def close(self, failure: Record | None) -> None:
        """Ends the run: one that failed with its cause, the record of the failure and exit code 1."""
        run = wandb.run
        if run is None:
            return
        if failure is not None:
            with contextlib.suppress(Exception):  # what failed first is what is told
                run.summary.update({"error": failure.error})
                run.log_artifact(record_artifact(failure, Path()))
        run.finish(exit_code=0 if failure is None else 1)

    def conclude(self, comparison: Comparison, report: ReportPaths) -> str:
        """Logs the comparison to a run of its own."""
        project = Project(self.entity, self.project)
        return log_comparison(comparison, report, project, self.mode)


def summaries(primary: str, better: str) -> dict[str, str]:
    """Which value of a curve stands for the run: the best one, not the last."""
    best = {f"val/{primary}": "max" if better == "higher" else "min"}
    return {**best, "val/nll": "min", "val/perplexity": "min", "train/nll": "min"}


def axes(cell: Cell) -> dict[str, Any]:
    """The axes of a comparison as keys that W&B can filter and group by, and the whole resolved config beside them."""
    return {
        "task": cell.task,
        "data": cell.data,
        "model": cell.model,
        "attention": cell.attention,
        "score": cell.score,
        "selection": cell.selection,
        "seed": cell.seed,
        "budget": cell.budget,
        "config": cell.resolved,
    }
