"""The report: a comparison as a terminal table, HTML, Markdown and CSV."""

from pathlib import Path
from typing import NamedTuple

from attnbench.benchmarks.comparison import Comparison
from attnbench.benchmarks.report.markdown import (
    markdown,
    markdown_by_task,
    markdown_details,
    markdown_listed,
    markdown_table,
)
from attnbench.benchmarks.report.page import page
from attnbench.benchmarks.report.terminal import terminal_table
from attnbench.benchmarks.report.tidy import csv_text, pairs_text

__all__ = [
    "ReportPaths",
    "markdown_by_task",
    "markdown_details",
    "markdown_listed",
    "markdown_table",
    "terminal_table",
    "write_report",
]


class ReportPaths(NamedTuple):
    """The files of a report."""

    html: Path
    markdown: Path
    csv: Path
    pairs: Path


def write_report(comparison: Comparison, folder: Path) -> ReportPaths:
    """Writes report.html, report.md, report.csv and pairs.csv. Raises RecordError where a cell's examples are damaged."""
    paths = ReportPaths(folder / "report.html", folder / "report.md", folder / "report.csv", folder / "pairs.csv")
    texts = (page(comparison), markdown(comparison), csv_text(comparison), pairs_text(comparison))
    folder.mkdir(parents=True, exist_ok=True)
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text, "utf-8")
    return paths
