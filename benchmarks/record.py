"""The record of one cell: what was run, what came out, what it cost, and where it comes from. JSON, small, content-addressed."""

import hashlib
import json
import math
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from attnbench.benchmarks.form import misfit, parsed

FORMAT = 1
FILE = "record.json"


class RecordError(ValueError):
    """A record that cannot be read; the message is one line that names the file."""


@dataclass(frozen=True)
class Record:
    """One cell. A value that is missing is None, never a number."""

    cell: str  # hash of what decides the result; the W&B run's id
    status: Literal["finished", "failed"]
    task: str
    data: str
    model: str
    attention: str  # the preset's name where the resolved config is a preset's, else score × selection and what differs
    score: str
    selection: str
    seed: int
    budget: Mapping[str, Any]
    provenance: Mapping[str, Any]  # config, versions, code, commit, data checksum, host, time
    primary: str = ""
    better: Literal["higher", "lower"] = "higher"
    measures: Mapping[str, float | None] = field(default_factory=dict)  # on the test split
    validation: Mapping[str, float | None] = field(default_factory=dict)  # at the chosen epoch
    attention_quality: Mapping[str, float | None] = field(default_factory=dict)  # on the test split, teacher-forced
    signatures: Mapping[str, str] = field(default_factory=dict)
    cost: Mapping[str, int | float | None] = field(default_factory=dict)
    curves: Mapping[str, list[float | None]] = field(default_factory=dict)  # one value an epoch
    matching: Mapping[str, Any] | None = None  # where the budget was matched: by what, to what, sizes, residual
    alarms: Sequence[str] = ()  # what is wrong with where it looks, if attention has collapsed
    findings: Mapping[str, Any] = field(default_factory=dict)  # what checks of the data found odd, by kind
    error: str | None = None
    format: int = FORMAT

    @property
    def finished(self) -> bool:
        """Whether the cell has a result."""
        return self.status == "finished"


def folder_name(mechanism: str) -> str:
    """A mechanism's name as that of a folder: without what shells and other systems read in their own way."""
    return re.sub(r"[^\w.=-]+", "-", mechanism).strip("-")


def content_address(parts: Mapping[str, Any]) -> str:
    """16 hexadecimal digits that change with any of `parts`."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def without_nan(value: Any) -> Any:
    """The same with every NaN and infinity replaced by None: JSON knows neither, and neither is a result."""
    if isinstance(value, Mapping):
        return {str(key): without_nan(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def write_json(path: Path, value: Any, *, indent: int | None = None) -> None:
    """Writes JSON so that the file is either whole or absent, whatever stops the program."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.write_text(json_text(value, indent=indent), "utf-8")
    part.replace(path)


def json_text(value: Any, *, indent: int | None = None) -> str:
    """What a JSON file of the value holds."""
    return json.dumps(without_nan(value), indent=indent, ensure_ascii=False, allow_nan=False) + "\n"


def record_text(record: Record) -> str:
    """What the record's file holds."""
    return json_text(asdict(record), indent=1)


def read_json(path: Path, kind: Any = Any) -> Any:
    """What a JSON file beside a record holds, None where there is no file.

    Raises RecordError where it is damaged, or has not the form of `kind`.
    """
    try:
        text = path.read_bytes()
        value = parsed(text)
    except FileNotFoundError:
        return None
    except (ValueError, RecursionError) as error:
        raise RecordError(f"{path}: damaged ({error}); run its cell again") from None
    wrong = misfit(kind, text)
    if wrong is not None:
        raise RecordError(f"{path}: damaged ({wrong}); run its cell again")
    return value


def write_record(folder: Path, record: Record) -> None:
    """Writes the record into its cell's folder."""
    write_json(folder / FILE, asdict(record), indent=1)


def read_record(path: Path) -> Record:
    """Reads a record, given its file or its cell's folder. Raises RecordError."""
    path = path / FILE if path.is_dir() else path
    try:
        text = path.read_bytes()
        raw = parsed(text)
    except FileNotFoundError:
        raise RecordError(f"{path}: no such record") from None
    except (ValueError, RecursionError) as error:
        raise RecordError(f"{path}: not a record ({error})") from None
    if not isinstance(raw, dict) or raw.get("format") != FORMAT:
        raise RecordError(f"{path}: not a record of format {FORMAT}")
    names = {f.name for f in fields(Record)}
    if not {"cell", "status", "task", "attention", "seed"} <= set(raw) <= names:
        raise RecordError(f"{path}: its keys are not those of a record")
    wrong = misfit(Record, text)
    if wrong is not None:
        raise RecordError(f"{path}: not a record ({wrong})")
    return Record(**raw)


def find_records(places: Iterable[Path]) -> dict[Path, Record]:
    """All records at or below the given places, by their cell's folder, in a stable order. Raises RecordError."""
    records: dict[Path, Record] = {}
    for place in places:
        if not place.exists():
            raise RecordError(f"{place}: no such file or folder; give folders that hold runs, such as runs/")
        files = [place] if place.is_file() else sorted(place.rglob(FILE))
        records |= {file.parent: read_record(file) for file in files}
    return records
