"""What a comparison is: tables of one task each, a row a mechanism, a summary a measure. Values only."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, NamedTuple

from attnbench.benchmarks.record import Record
from attnbench.benchmarks.statistics.across import Across
from attnbench.benchmarks.statistics.pairs import Pair
from attnbench.benchmarks.statistics.student import Interval, mean_interval

CONTROL = "uniform"  # the selection that looks everywhere alike


class Run(NamedTuple):
    """A cell and where its files stand."""

    folder: Path
    record: Record


class Summary(NamedTuple):
    """One measure over seeds. `spread` is the sample standard deviation (n - 1), None for one seed."""

    mean: float
    spread: float | None
    by_seed: Mapping[int, float]

    @property
    def seeds(self) -> int:
        """How many seeds have a value."""
        return len(self.by_seed)

    @property
    def interval(self) -> Interval | None:
        """95 % interval of the mean that new seeds would have on this test set; None for one seed."""
        return mean_interval(list(self.by_seed.values()))

    @property
    def margin(self) -> float | None:
        """Half of the interval's width."""
        return None if self.interval is None else (self.interval.high - self.interval.low) / 2


def summary(by_seed: Mapping[int, float]) -> Summary:
    """Mean and spread of at least one value."""
    values = list(by_seed.values())
    return Summary(fmean(values), stdev(values) if len(values) > 1 else None, dict(by_seed))


def summaries(records: Sequence[Record], part: Callable[[Record], Mapping[str, Any]]) -> dict[str, Summary]:
    """A summary for every name that has a value under some seed; a value that is missing counts nowhere."""
    names = dict.fromkeys(name for record in records for name in part(record))
    found = {
        name: {record.seed: float(part(record)[name]) for record in records if part(record).get(name) is not None}
        for name in names
    }
    return {name: summary(by_seed) for name, by_seed in found.items() if by_seed}


@dataclass(frozen=True)
class Row:
    """One mechanism on one task: its finished runs by seed, its failed ones, and what the finished ones add up to."""

    mechanism: str
    runs: Sequence[Run]
    failed: Sequence[Run] = ()

    @property
    def records(self) -> list[Record]:
        """Of the finished runs."""
        return [run.record for run in self.runs]

    @property
    def control(self) -> bool:
        """Whether this is the mechanism that does not choose where to look."""
        return {run.record.selection for run in (*self.runs, *self.failed)} == {CONTROL}

    @property
    def seeds(self) -> list[int]:
        """Of the finished runs."""
        return [record.seed for record in self.records]

    @cached_property
    def measures(self) -> Mapping[str, Summary]:
        """On the test split."""
        return summaries(self.records, lambda record: record.measures)

    @cached_property
    def attention_quality(self) -> Mapping[str, Summary]:
        """On the test split, teacher-forced."""
        return summaries(self.records, lambda record: record.attention_quality)

    @property
    def all_measures(self) -> Mapping[str, Summary]:
        """Measures, and the attention's quality under names that no measure has."""
        return {**self.attention_quality, **self.measures}

    @cached_property
    def cost(self) -> Mapping[str, Summary]:
        """Parameters, seconds, bytes."""
        return summaries(self.records, lambda record: record.cost)

    @cached_property
    def matching(self) -> Mapping[str, Summary]:
        """The residual, a share of the reference's count, where budgets were matched."""
        return summaries(self.records, lambda r: {} if r.matching is None else {"residual": r.matching["residual"]})


@dataclass(frozen=True)
class Table:
    """One task on one data set with one model. `primary` is empty where nothing finished.

    `place` names the comparison that its runs were given in, where another one has a table of the same task.
    """

    task: str
    data: str
    model: str
    primary: str
    higher_is_better: bool
    rows: Sequence[Row]
    warnings: Sequence[str] = ()
    title: str = ""
    place: str = ""
    pairs: Sequence[Pair] = ()  # of all mechanisms, on the primary measure

    @property
    def key(self) -> str:
        """A name that no other table of the comparison has."""
        return "/".join(part for part in (self.task, self.data, self.model, self.place) if part)

    def row(self, mechanism: str) -> Row | None:
        """The mechanism's row, None where it has none."""
        return next((row for row in self.rows if row.mechanism == mechanism), None)

    @property
    def best(self) -> list[Row]:
        """The rows with the best mean of the primary measure: several where they are equal, none where no run has one."""
        means = {row.mechanism: row.measures[self.primary].mean for row in self.rows if self.primary in row.measures}
        if not means:
            return []
        top = max(means.values()) if self.higher_is_better else min(means.values())
        return [row for row in self.rows if means.get(row.mechanism) == top]

    def pair(self, first: str, second: str) -> Pair | None:
        """The two mechanisms' comparison, seen from the first; None where they share no seed."""
        for pair in self.pairs:
            if (pair.first, pair.second) == (first, second):
                return pair
            if (pair.second, pair.first) == (first, second):
                return pair.turned()
        return None

    @property
    def winner(self) -> Row | None:
        """The row that is established to be ahead of every other that has a value; None where there is none."""
        rivals = [row for row in self.rows if self.primary in row.measures]
        for row in rivals:
            found = [self.pair(row.mechanism, other.mechanism) for other in rivals if other is not row]
            if found and all(pair is not None and pair.verdict == "ahead" for pair in found):
                return row
        return None

    @property
    def runs(self) -> list[Run]:
        """All finished runs."""
        return [run for row in self.rows for run in row.runs]

    @property
    def signatures(self) -> Mapping[str, Sequence[str]]:
        """How measures were computed: every signature that occurs."""
        found: dict[str, dict[str, None]] = {}
        for run in self.runs:
            for measure, signature in run.record.signatures.items():
                found.setdefault(measure, {})[signature] = None
        return {measure: list(signatures) for measure, signatures in found.items()}


@dataclass(frozen=True)
class Comparison:
    """All tables, the mechanisms of all of them in the order they are shown, and what a reader must be warned of."""

    tables: Sequence[Table]
    mechanisms: Sequence[str]
    warnings: Sequence[str] = field(default=())
    across: Across | None = None  # aggregates over tasks, where several can be put on one scale

    @property
    def runs(self) -> list[Run]:
        """All finished runs."""
        return [run for table in self.tables for run in table.runs]

    @property
    def failed(self) -> list[Run]:
        """All failed runs."""
        return [run for table in self.tables for row in table.rows for run in row.failed]
