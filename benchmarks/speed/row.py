"""What is known of one form in one case, and its files."""

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from statistics import quantiles
from typing import Any, Literal

from attnbench.benchmarks.provenance import provenance
from attnbench.benchmarks.record import write_json
from attnbench.benchmarks.speed.forms import PLAIN
from attnbench.benchmarks.speed.plan import Pass, Plan
from attnbench.benchmarks.speed.sizes import Sizes

FORMAT = 1
Status = Literal["measured", "skipped", "check failed", "not compiled", "failed"]
WRONG: tuple[Status, ...] = ("check failed", "failed")


@dataclass(frozen=True)
class Row:
    """Times are of one call of the pass `kind`, in seconds; memory in bytes above the inputs.

    What was not measured is None, and `note` says why. `gradient_bytes` is the part of the peak's result that is gradients;
    `deviation` is what the check before the clock found; the ratios are to the plain form of the same case.
    """

    mechanism: str
    form: str
    kind: Pass
    batch: int
    queries: int
    memory: int
    hidden: int
    status: Status = "measured"
    note: str = ""
    seconds: float | None = None
    first_quartile: float | None = None
    third_quartile: float | None = None
    rounds: int = 0
    peak_bytes: int | None = None
    resident_bytes: int | None = None
    gradient_bytes: int | None = None
    deviation: float | None = None
    time_ratio: float | None = None
    memory_ratio: float | None = None

    @property
    def sizes(self) -> Sizes:
        """The sizes it was measured at."""
        return Sizes(self.batch, self.queries, self.memory, self.hidden)

    def with_times(self, seconds: Sequence[float]) -> "Row":
        """The row with median and quartiles."""
        first, median, third = quantiles(seconds, n=4, method="inclusive") if len(seconds) > 1 else [seconds[0]] * 3
        return replace(self, seconds=median, first_quartile=first, third_quartile=third, rounds=len(seconds))

    def beside(self, plain: "Row") -> "Row":
        """The row with its ratios to plain, where both are known."""
        time = self.seconds / plain.seconds if self.seconds and plain.seconds else None
        memory = self.peak_bytes / plain.peak_bytes if self.peak_bytes is not None and plain.peak_bytes else None
        return replace(self, time_ratio=time, memory_ratio=memory)


COLUMNS = tuple("pass" if field.name == "kind" else field.name for field in fields(Row))


def values(row: Row) -> dict[str, Any]:
    """The row by column."""
    return dict(zip(COLUMNS, asdict(row).values(), strict=True))


def compared(rows: Sequence[Row]) -> list[Row]:
    """The rows of one case, each beside plain; the plain one has no ratios, being their measure."""
    plain = next((row for row in rows if row.form == PLAIN), None)
    return [row if plain is None or row is plain else row.beside(plain) for row in rows]


def csv_text(rows: Sequence[Row]) -> str:
    """All rows; full precision, empty where nothing was measured."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: "" if value is None else value for name, value in values(row).items()} for row in rows)
    return buffer.getvalue()


def write_rows(folder: Path, plan: Plan, rows: Sequence[Row]) -> None:
    """Writes speed.json, with the plan and where it was measured, and speed.csv."""
    options = {**asdict(plan), "base": plan.base._asdict()}
    whole = {"format": FORMAT, "plan": options, "provenance": provenance(), "rows": [values(row) for row in rows]}
    write_json(folder / "speed.json", whole, indent=1)
    (folder / "speed.csv").write_text(csv_text(rows), "utf-8")
