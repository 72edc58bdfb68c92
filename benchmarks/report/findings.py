"""What a comparison says, in plain words that claim no more than the numbers do."""

from attnbench.benchmarks.comparison import Comparison, Row, Table
from attnbench.benchmarks.report.grid import places
from attnbench.benchmarks.report.numbers import label, mean_and_spread, seeds


def finding(table: Table) -> str:
    """The best mean of the primary measure, and the control beside it."""
    best = table.best
    if not best:
        return f"{table.title}: no run has a result."
    kind = "highest" if table.higher_is_better else "lowest"
    measure = in_sentence(label(table.primary))
    controls = [row for row in table.rows if row.control and table.primary in row.measures and row not in best]
    if len(best) == len([row for row in table.rows if table.primary in row.measures]) == 1:
        return f"{table.title}: {best[0].mechanism} alone ran: {measure} {value(table, best[0])}."
    if len(best) > 1:
        shared = " and ".join(row.mechanism for row in best)
        sentence = f"{table.title}: {shared} share the {kind} mean {measure}, {value(table, best[0])}"
    else:
        role = ", the control," if best[0].control else ""
        sentence = f"{table.title}: {best[0].mechanism}{role} has the {kind} mean {measure}, {value(table, best[0])}"
    beside = "".join(f"; the control {row.mechanism} has {value(table, row)}" for row in controls)
    return f"{sentence}{beside}."


def in_sentence(name: str) -> str:
    """A label inside a sentence: small letters unless it is an abbreviation."""
    return name[:1].lower() + name[1:] if name[1:2].islower() else name


def value(table: Table, row: Row) -> str:
    """Mean ± s.d. over n seeds."""
    found = row.measures[table.primary]
    return f"{mean_and_spread(found, places(table.rows, table.primary))} ({seeds(found.seeds)})"


def mark(comparison: Comparison) -> str:
    """What the mark beside the best means says."""
    kinds = {table.higher_is_better for table in comparison.tables if table.best}
    if kinds == {True, False}:
        return "highest mean (lowest where lower is better)"
    return "lowest mean" if kinds == {False} else "highest mean"


def caveat(comparison: Comparison) -> str:
    """How the numbers are to be read."""
    return (
        "Mean ± sample standard deviation over n seeds; beside it parameters, and the time of training and test. "
        f"▲ marks the {mark(comparison)} and nothing more: "
        "no test of significance stands behind it. – means that nothing ran."
    )


def size(comparison: Comparison) -> str:
    """How much was compared."""
    cells, failed = len(comparison.runs), len(comparison.failed)
    tasks, mechanisms = len(comparison.tables), len(comparison.mechanisms)
    told = [f"{tasks} task{'s' if tasks != 1 else ''}", f"{mechanisms} mechanism{'s' if mechanisms != 1 else ''}"]
    told.append(f"{cells} finished cell{'s' if cells != 1 else ''}")
    return " · ".join([*told, f"{failed} failed"] if failed else told)
