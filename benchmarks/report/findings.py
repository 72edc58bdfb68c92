"""What a comparison says, in plain words that claim no more than the numbers do."""

from typing import NamedTuple

from attnbench.benchmarks.comparison import Comparison, Row, Table
from attnbench.benchmarks.report import pairwise
from attnbench.benchmarks.report.grid import places
from attnbench.benchmarks.report.numbers import label, mean_and_margin, seeds


def finding(table: Table) -> str:
    """The best mean of the primary measure, the control beside it, and against whom it is established to be ahead."""
    return f"{table.title}: {' '.join(part for part in said(table) if part)}"


class Said(NamedTuple):
    """A finding's parts, each a sentence or empty."""

    best: str
    ahead: str = ""
    undecided: str = ""


def said(table: Table) -> Said:
    """Which mean is the best, of whom it is established to be ahead, and of whom it is not."""
    best = table.best
    if not best:
        return Said("no run has a result.")
    kind = "highest" if table.higher_is_better else "lowest"
    measure = in_sentence(label(table.primary))
    controls = [row for row in table.rows if row.control and table.primary in row.measures and row not in best]
    if len(best) == len([row for row in table.rows if table.primary in row.measures]) == 1:
        return Said(f"{best[0].mechanism} alone ran: {measure} {value(table, best[0])}.")
    if len(best) > 1:
        shared = pairwise.joined([row.mechanism for row in best])
        sentence = f"{shared} share the {kind} mean {measure}, {value(table, best[0])}"
    else:
        role = ", the control," if best[0].control else ""
        sentence = f"{best[0].mechanism}{role} has the {kind} mean {measure}, {value(table, best[0])}"
    beside = "".join(f"; the control {row.mechanism} has {value(table, row)}" for row in controls)
    return Said(f"{sentence}{beside}.", *pairwise.sentences(table, measure))


def in_sentence(name: str) -> str:
    """A label inside a sentence: small letters unless it is an abbreviation."""
    return name[:1].lower() + name[1:] if name[1:2].islower() else name


def value(table: Table, row: Row) -> str:
    """Mean ± 95 % interval over n seeds."""
    found = row.measures[table.primary]
    return f"{mean_and_margin(found, places(table.rows, table.primary))} ({seeds(found.seeds)})"


def caveat() -> str:
    """How the numbers are to be read."""
    return (
        "Mean ± half of its 95 % interval over n seeds; beside it parameters, and the time of training and test. "
        "▲ marks what is established to be ahead of every other mechanism of its task: p at most 0.05 by Holm's correction "
        "for all pairs, and three seeds. – means that nothing ran."
    )


def size(comparison: Comparison) -> str:
    """How much was compared."""
    cells, failed = len(comparison.runs), len(comparison.failed)
    tasks, mechanisms = len(comparison.tables), len(comparison.mechanisms)
    told = [f"{tasks} task{'s' if tasks != 1 else ''}", f"{mechanisms} mechanism{'s' if mechanisms != 1 else ''}"]
    told.append(f"{cells} finished cell{'s' if cells != 1 else ''}")
    return " · ".join([*told, f"{failed} failed"] if failed else told)
