"""Where the numbers of one table come from: each fact with all the values that its runs have."""

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from attnbench.benchmarks.comparison import Run, Table

FACTS = {
    "commit": "Commit",
    "code": "Code",
    "precision": "Precision",
    "devices": "Devices",
    "processor": "Processor",
    "threads": "Threads",
    "gpu": "GPU",
    "python": "Python",
}


def facts(table: Table) -> dict[str, str]:
    """Budget, data, code, machine and versions, by label; what no run knows is left out."""
    runs = table.runs
    found = {"Budget": values([pairs(run.record.budget) for run in runs])}
    found["Matched"] = values([matched(run.record.matching) for run in runs])
    found["Data"] = values(
        [f"{run.record.data}, checksum {run.record.provenance.get('data_checksum')}" for run in runs]
    )
    found["Found in the data"] = values([checks(run.record.findings) for run in runs])
    found["Model"] = table.model
    found |= {text: values([run.record.provenance.get(key) for run in runs]) for key, text in FACTS.items()}
    found["Versions"] = values([pairs(run.record.provenance.get("versions") or {}) for run in runs])
    return {text: value for text, value in found.items() if value}


def matched(matching: Mapping[str, Any] | None) -> str | None:
    """By what and against what a budget was matched."""
    return (
        None
        if matching is None
        else f"{matching['by']}, to the {round(matching['target']):,} of {matching['reference']}"
    )


def checks(findings: Mapping[str, Any]) -> str:
    """How often checks of the data found what."""
    return ", ".join(f"{kind} {finding['count']}" for kind, finding in findings.items())


def pairs(named: object) -> str:
    """A mapping in one line."""
    return ", ".join(f"{key} {value}" for key, value in named.items()) if isinstance(named, dict) else str(named)


def values(found: Sequence[object]) -> str:
    """The one value that all runs have; several are counted."""
    counted = Counter(str(value) for value in found if value is not None and value != "")
    if len(counted) < 2:
        return next(iter(counted), "")
    return "; ".join(f"{value} ({count} run{'s' if count > 1 else ''})" for value, count in counted.items())


def command(run: Run) -> str:
    """What was typed, as far as the record knows."""
    known = run.record.provenance.get("command")
    if known:
        return known if isinstance(known, str) else shlex.join(map(str, known))
    overrides = run.record.provenance.get("overrides")
    return shlex.join(["attnbench", "run", *map(str, overrides)]) if overrides else ""
