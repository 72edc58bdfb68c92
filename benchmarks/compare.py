"""Records to a comparison. Nothing is averaged over runs that differ in more than their seed."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from attnbench.benchmarks.cautions import cautions
from attnbench.benchmarks.comparison import Comparison, Row, Run, Table
from attnbench.benchmarks.evidence import aggregated, pairs_of, without_examples
from attnbench.benchmarks.grouping import Group, grouped
from attnbench.benchmarks.record import Record
from attnbench.benchmarks.sameness import differences, machines, told, variant


class CompareError(ValueError):
    """Records that cannot be compared; the message is one line that says why, and the remedy."""


def compare(records: Mapping[Path, Record], *, mixed: bool = False, places: Sequence[Path] = ()) -> Comparison:
    """The comparison of all records, given by their cells' folders.

    Raises CompareError where runs of one table differ in budget, data, code or anything else but mechanism and seed. `places`,
    where the records were asked from, are comparisons of their own: what differs from one to another has tables of its own.
    `mixed` compares all the same: each variant has a row of its own, and the comparison says what differs.
    """
    if not records:
        raise CompareError("no records found; give folders that hold runs, such as runs/")
    tables = [table(group, mixed=mixed) for group in grouped(records, places, mixed=mixed)]
    return Comparison(tables, mechanisms(tables), warnings(tables), aggregated(tables))


def table(group: Group, *, mixed: bool) -> Table:
    """The table of one task. Raises CompareError."""
    runs, title = group.runs, group.title
    finished = [run.record for run in runs if run.record.finished]
    differing = differences(finished)
    if differing and not mixed:
        raise CompareError(
            f"{title}: runs differ in {told(differing)}; give runs that share them, or add --mixed to compare all the same"
        )
    first = finished[0] if finished else runs[0].record
    found = rows(runs, differing, title, mixed=mixed)
    warned = [group.warning] if group.warning else []
    if differing:
        warned.append(f"mixed on request: runs differ in {told(differing)}")
    hosts = machines(finished)
    if len(hosts) > 1:
        warned.append(f"runs come from different machines ({'; '.join(hosts)}): their times do not compare")
    higher = first.better == "higher"
    pairs = pairs_of(found, first.primary, higher_is_better=higher)
    return Table(
        task=first.task,
        data=first.data,
        model=first.model,
        primary=first.primary,
        higher_is_better=higher,
        rows=found,
        warnings=[*warned, *cautions(found), *without_examples(pairs)],
        title=title,
        place=group.place,
        pairs=pairs,
    )


def rows(runs: Sequence[Run], differing: Mapping[str, Sequence[str]], title: str, *, mixed: bool) -> list[Row]:
    """A row a mechanism, by name, controls last; a mechanism with several variants has a row for each of them."""
    named = labelled([run for run in runs if run.record.finished], differing, title, mixed=mixed)
    failed: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        if not run.record.finished:
            failed[run.record.attention].append(run)
    names = [*named, *(name for name in failed if name not in named)]
    found = [Row(name, by_seed(named.get(name, [])), by_seed(failed.get(name, []))) for name in names]
    return sorted(found, key=lambda row: (row.control, row.mechanism))


def by_seed(runs: Iterable[Run]) -> list[Run]:
    """In the order of their seeds."""
    return sorted(runs, key=lambda run: (run.record.seed, run.record.cell))


def labelled(
    runs: Sequence[Run], differing: Mapping[str, Sequence[str]], title: str, *, mixed: bool
) -> dict[str, list[Run]]:
    """Runs by their row's name, in each of which a seed occurs once. Raises CompareError."""
    mechanism: dict[str, dict[str, list[Run]]] = defaultdict(lambda: defaultdict(list))
    for run in runs:
        mechanism[run.record.attention][variant(run.record, differing)].append(run)
    named: dict[str, list[Run]] = defaultdict(list)
    for name, variants in mechanism.items():
        for label, members in variants.items():
            row = f"{name} ({label})" if len(variants) > 1 else name
            twice = same_seed(members)
            if twice and not mixed:
                places = ", ".join(str(run.folder) for run in twice)
                raise CompareError(
                    f"{title}: two different runs of {name} with seed {twice[0].record.seed} ({places}); "
                    "give one of them, or add --mixed to show both"
                )
            for run in members:
                named[f"{row} (cell {run.record.cell[:8]})" if twice else row].append(run)
    return named


def same_seed(runs: Sequence[Run]) -> list[Run]:
    """The first two runs that share a seed, if any do."""
    seen: dict[int, Run] = {}
    for run in runs:
        if run.record.seed in seen:
            return [seen[run.record.seed], run]
        seen[run.record.seed] = run
    return []


def mechanisms(tables: Sequence[Table]) -> list[str]:
    """All rows' names, by name, controls last."""
    found = {row.mechanism: row.control for table in tables for row in table.rows}
    return sorted(found, key=lambda name: (found[name], name))


def warnings(tables: Sequence[Table]) -> list[str]:
    """What a reader must know before the numbers."""
    failed = sum(len(row.failed) for table in tables for row in table.rows)
    total = failed + sum(len(table.runs) for table in tables)
    lost = (
        [f"{failed} of {total} cells failed: they are listed with their cause and count in no mean"] if failed else []
    )
    where: dict[str, list[str]] = defaultdict(list)
    for table in tables:
        for warning in table.warnings:
            where[warning].append(table.title)
    return [*lost, *(f"{', '.join(titles)}: {warning}" for warning, titles in where.items())]
