"""What came out of a test: the part of a record that tells it, and the files beside the record."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from attnbench.benchmarks.alarms import alarms
from attnbench.benchmarks.comparison import CONTROL
from attnbench.benchmarks.exhibit import Exhibit, exhibits
from attnbench.benchmarks.record import write_json
from attnbench.tasks.base import Task
from attnbench.tasks.lit import Judged

EXHIBITS = 8


def outcome(task: Task, judged: Judged, measures: Mapping[str, float], selection: str) -> dict[str, Any]:
    """A record's fields that a test decides, but its cost."""
    quality = judged.quality.overall()
    return {
        "measures": dict(measures),
        "attention_quality": quality,
        "alarms": alarms(quality, control=selection == CONTROL),
        "signatures": dict(task.signatures()),
        "findings": task.findings(),
    }


def write_outcome(folder: Path, task: Task, judged: Judged) -> list[Exhibit]:
    """Writes what was said with per-example measures, and examples with attention, which are returned."""
    shown = exhibits(judged.predictions, EXHIBITS)
    write_json(folder / "exhibits.json", [asdict(exhibit) for exhibit in shown])
    each = {**task.measure_each(judged.predictions), "nll": judged.nll_each}
    said = {
        "said": [text for prediction in judged.predictions for text in prediction.said],
        "truth": [list(texts) for prediction in judged.predictions for texts in prediction.truth],
        "each": {name: list(values) for name, values in each.items()},
        "attention_each": judged.quality.each(),
    }
    write_json(folder / "examples.json", said)
    return shown
