"""A comparison as a W&B run of its own: tables, plots and the report's page."""

from collections.abc import Callable, Mapping
from typing import Any, Literal

import wandb

from attnbench.benchmarks.comparison import Comparison, Row, Summary, Table
from attnbench.benchmarks.record import content_address
from attnbench.benchmarks.report import ReportPaths
from attnbench.benchmarks.report.curves import mean_curve, seed_curves
from attnbench.benchmarks.wandb_mode import Project, settings

JOB = "compare"
COST = "parameters"  # what quality is drawn against
FAILURES = ("task", "data", "mechanism", "seed", "error")


def log_comparison(
    comparison: Comparison, report: ReportPaths, project: Project, mode: Literal["online", "offline"]
) -> str:
    """Logs it, and tells in a line where it went. The same cells compared again go on in the same run."""
    runs = [*comparison.runs, *comparison.failed]
    cells = sorted(run.record.cell for run in runs)
    if wandb.run is not None:
        wandb.finish()
    run = wandb.init(
        project=project.name,
        entity=project.entity,
        job_type=JOB,
        name=f"{JOB} {len(cells)} cells",
        id=content_address({JOB: cells}),
        resume="allow",
        mode=mode,
        dir=str(report.html.parent),
        config={
            "cells": cells,
            "tables": [table.key for table in comparison.tables],
            "mechanisms": list(comparison.mechanisms),
            "seeds": sorted({run.record.seed for run in runs}),
        },
        settings=settings(),
    )
    failed = True
    try:
        run.log(logged(comparison, report))
        run.summary.update(summary(comparison))
        run.log_artifact(report_artifact(run.id, report))
        failed = False
    finally:
        run.finish(exit_code=1 if failed else 0)
    if mode == "online":
        return f"W&B: {run.url}"
    return f"W&B: kept in files; send it by: wandb sync {report.html.parent}/wandb/offline-run-*-{run.id}"


def logged(comparison: Comparison, report: ReportPaths) -> dict[str, Any]:
    """Everything that is drawn."""
    found: dict[str, Any] = {"report": wandb.Html(report.html.read_text("utf-8"), inject=False)}
    for table in comparison.tables:
        found |= {f"{table.key}/{name}": value for name, value in pictured(table).items()}
    if comparison.failed:
        causes = [(r.task, r.data, r.attention, r.seed, r.error or "cause unknown") for _, r in comparison.failed]
        found["failed"] = wandb.Table(columns=list(FAILURES), data=[list(cause) for cause in causes])
    return found


def pictured(table: Table) -> dict[str, Any]:
    """One task's table, and its plots where something finished."""
    found: dict[str, Any] = {"comparison": wide_table(table)}
    quality, cost = means(table, lambda row: row.measures, table.primary), means(table, lambda row: row.cost, COST)
    if quality:
        bars = wandb.Table(columns=["mechanism", table.primary], data=[list(pair) for pair in quality.items()])
        found["quality"] = wandb.plot.bar(bars, "mechanism", table.primary, title=f"{table.title}: {table.primary}")
    points = [[name, cost[name], value] for name, value in quality.items() if name in cost]
    if points:
        dots = wandb.Table(columns=["mechanism", COST, table.primary], data=points)
        title = f"{table.title}: {table.primary} by {COST}"
        found["cost"] = wandb.plot.scatter(dots, COST, table.primary, title=title)
    curves = {row.mechanism: curve(row, f"val/{table.primary}") for row in table.rows}
    drawn = {mechanism: points for mechanism, points in curves.items() if points}
    if drawn:
        found["curves"] = wandb.plot.line_series(
            xs=[list(points) for points in drawn.values()],
            ys=[list(points.values()) for points in drawn.values()],
            keys=list(drawn),
            title=f"{table.title}: {table.primary} on validation, mean over seeds",
            xname="epoch",
        )
    return found


def means(table: Table, part: Callable[[Row], Mapping[str, Summary]], name: str) -> dict[str, float]:
    """The mean of one value by mechanism, of those that have it."""
    return {row.mechanism: part(row)[name].mean for row in table.rows if name in part(row)}


def curve(row: Row, name: str) -> dict[int, float]:
    """The mean over seeds by epoch, from 1, where there is one."""
    seeds = list(seed_curves(row, name).values())
    return {epoch: value for epoch, value in enumerate(mean_curve(seeds), 1) if value is not None} if seeds else {}


def wide_table(table: Table) -> wandb.Table:
    """A line a mechanism: seeds, and the mean and spread of everything that is known of any of them."""
    lines = {row.mechanism: values(row) for row in table.rows}
    names = list(dict.fromkeys(name for line in lines.values() for name in line))
    columns: list[str | int] = ["mechanism", "seeds", *(part for name in names for part in (name, f"{name} ±"))]
    wide = wandb.Table(columns=columns, allow_mixed_types=True)
    for row in table.rows:
        line: list[Any] = [row.mechanism, len(row.runs)]
        for name in names:
            found = lines[row.mechanism].get(name)
            line += [None, None] if found is None else [found.mean, found.spread]
        wide.add_data(*line)
    return wide


def values(row: Row) -> dict[str, Summary]:
    """Summaries by the names that a cell's own run has for them."""
    parts: dict[str, Mapping[str, Summary]] = {
        "test": row.measures,
        "test/attention": row.attention_quality,
        "cost": row.cost,
    }
    return {f"{prefix}/{name}": found for prefix, part in parts.items() for name, found in part.items()}


def summary(comparison: Comparison) -> dict[str, Any]:
    """The mean of every primary measure, and what a reader must be warned of."""
    found = {
        f"{table.key}/{mechanism}": mean
        for table in comparison.tables
        for mechanism, mean in means(table, lambda row: row.measures, table.primary).items()
    }
    counts = {"cells": len(comparison.runs), "failed": len(comparison.failed)}
    return {**found, **counts, "warnings": list(comparison.warnings)}


def report_artifact(name: str, report: ReportPaths) -> wandb.Artifact:
    """The report's files."""
    artifact = wandb.Artifact(f"report-{name}", type="report")
    for path in report:
        artifact.add_file(str(path), name=path.name)
    return artifact
