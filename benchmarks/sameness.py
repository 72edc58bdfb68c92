"""Whether runs may be compared: everything but the mechanism and the seed must be the same."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attnbench.benchmarks.record import Record

SHOWN = 3  # differences that a message names
MACHINE = ("processor", "gpu", "threads")
DRAWN = "train/attention/"  # curves that only draws have
OURS = "attnbench.tasks.estimators."
ELSEWHERE = ("attention", "budget", "seed")  # parts of the config that may differ, or that are looked at by themselves


def leaves(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Every leaf of nested mappings with its dotted name, but for seeds: the checksum tells whether the data differ."""
    if not isinstance(value, Mapping):
        yield name, value
        return
    for key, inner in value.items():
        if key != "seed":
            yield from leaves(inner, f"{name}.{key}" if name else str(key))


def conditions(record: Record) -> dict[str, str]:
    """What must be the same, by name: budget, data, code and precision first, the rest of the config after them."""
    config = record.provenance.get("config", {})
    budget = {**record.budget, "match": record.budget.get("match", "none")}  # records older than matching lack it
    named: dict[str, Any] = dict(leaves(budget, "budget"))
    named["matched to"] = None if record.matching is None else record.matching["target"]
    named["data"] = str(record.provenance.get("data_checksum"))[:12]
    named |= {name: record.provenance.get(name) for name in ("code", "precision")}
    named["primary measure"] = record.primary
    named |= dict(leaves({key: value for key, value in config.items() if key not in ELSEWHERE}, ""))
    return {name: str(value) for name, value in named.items()}


def differences(records: Sequence[Record]) -> dict[str, list[str]]:
    """The conditions that differ, with all their values; of what nothing was drawn in, not how draws would have been trained."""
    ours = all(estimator(record).startswith(OURS) for record in records)
    each = [(conditions(record), ours and not drew(record)) for record in records]
    names = dict.fromkeys(name for named, _ in each for name in named)
    values = {
        name: list(dict.fromkeys(named.get(name, "missing") for named, free in each if not (free and of_draws(name))))
        for name in names
    }
    return {name: found for name, found in values.items() if len(found) > 1}


def estimator(record: Record) -> str:
    """The class that made the loss: ours train what draws no position by its likelihood, whatever their options."""
    config = record.provenance.get("config", {}).get("estimator")
    return str(config.get("_target_", "")) if isinstance(config, Mapping) else ""


def drew(record: Record) -> bool:
    """Whether positions were drawn in training."""
    return record.selection == "hard" or any(name.startswith(DRAWN) for name in record.curves)


def of_draws(name: str) -> bool:
    """Whether a condition is an option of how draws are trained."""
    return name.startswith("estimator.") and name != "estimator.label_smoothing"


def told(differing: Mapping[str, Sequence[str]]) -> str:
    """The differences in one line, the first few of them with their values."""
    parts = [f"{name} ({', '.join(values)})" for name, values in list(differing.items())[:SHOWN]]
    rest = len(differing) - len(parts)
    return ", ".join(parts) + (f" and {rest} more" if rest else "")


def variant(record: Record, differing: Mapping[str, Sequence[str]]) -> str:
    """The record's own values of what differs, as a label."""
    own = conditions(record)
    return ", ".join(f"{name}={own.get(name, 'missing')}" for name in list(differing)[:SHOWN])


def machines(records: Sequence[Record]) -> list[str]:
    """The machines that the records come from, where records say so."""
    found = {
        ", ".join(f"{name} {record.provenance[name]}" for name in MACHINE if record.provenance.get(name) is not None)
        for record in records
    }
    return sorted(found - {""})
