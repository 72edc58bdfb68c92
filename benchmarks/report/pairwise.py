"""Pairs of mechanisms in words and in cells: differences so that above 0 the first is better, whichever direction is better."""

from collections.abc import Sequence
from typing import NamedTuple

from attnbench.benchmarks.comparison import Table
from attnbench.benchmarks.report.grid import places
from attnbench.benchmarks.report.numbers import DASH, fixed, seeds
from attnbench.benchmarks.statistics.pairs import FEWEST, Pair

HEADER = (
    "pair",
    "difference",
    "95 % interval",
    "p",
    "p (Holm)",
    "p (swaps)",
    "Hedges' g",
    "P(better)",
    "seeds",
    "verdict",
)
SHARE = 3  # decimals that a share of 1 is written with


class Better(NamedTuple):
    """By how much the first is better, with its interval; as texts in the measure's decimals."""

    value: str
    interval: str

    def __str__(self) -> str:
        return f"{self.value} {self.interval}" if self.interval != DASH else self.value


def better(table: Table, pair: Pair) -> Better:
    """The pair's difference, turned so that more is better."""
    found = pair.difference if table.higher_is_better else pair.turned().difference
    decimals = places(table.rows, table.primary)
    if found.interval is None:
        return Better(fixed(found.value, decimals), DASH)
    low, high = (fixed(edge, decimals) for edge in found.interval)
    return Better(fixed(found.value, decimals), f"[{low}, {high}]")


def probability(p: float | None) -> str:
    """A p-value in three decimals."""
    if p is None:
        return DASH
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def cells(table: Table, pair: Pair) -> list[str]:
    """One line under HEADER."""
    found, difference = better(table, pair), pair.difference
    sign = 1 if table.higher_is_better else -1
    return [
        f"{pair.first} - {pair.second}",
        found.value,
        found.interval,
        probability(difference.p if difference.seeds > 1 else None),
        probability(pair.corrected),
        probability(pair.examples_p),
        DASH if pair.effect is None else fixed(sign * pair.effect, 2),
        fixed(pair.chance, 2),
        str(difference.seeds),
        pair.verdict,
    ]


def sentences(table: Table, measure: str) -> tuple[str, str]:
    """What is established of the best mean against every other, and what is not; each empty where there is no such pair."""
    found = [
        pair
        for row in table.rows
        for best in table.best[:1]
        if (pair := table.pair(best.mechanism, row.mechanism)) is not None
    ]
    ahead = [pair for pair in found if pair.verdict == "ahead"]
    established = undecided = ""
    if ahead:
        told = [f"{pair.second} by {with_measure(better(table, pair), measure)}" for pair in ahead]
        established = f"{ahead[0].first} is ahead of {joined(told)}, {seeds(min(p.difference.seeds for p in ahead))}."
    open_ = [pair for pair in found if not pair.established]
    if open_:
        told = [f"{pair.second} ({better(table, pair)})" for pair in open_]
        tests = sum(pair.corrected is not None for pair in table.pairs)
        corrected = f", corrected for {tests} pairs" if tests > 1 else ""
        undecided = f"Not established{corrected}: that it is ahead of {joined(told, 'or')}{reason(open_)}."
    return established, undecided


def with_measure(found: Better, measure: str) -> str:
    """`1.2 BLEU [0.4, 2.0]`, `1.2 points of accuracy [0.4, 2.0]`; a share of 1 has no points: `0.012 of accuracy`."""
    points = "points of" if len(found.value.partition(".")[2]) < SHARE else "of"
    return f"{found.value} {f'{points} {measure}' if measure[:1].islower() else measure} {found.interval}"


def reason(found: Sequence[Pair]) -> str:
    """Why too few seeds establish nothing."""
    counts = {pair.difference.seeds for pair in found}
    if max(counts) == 1:
        return "; one seed tells about these trained models, not about the mechanisms"
    return f"; a verdict takes {FEWEST} seeds" if max(counts) < FEWEST else ""


def joined(parts: Sequence[str], word: str = "and") -> str:
    """`a, b and c`."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} {word} {parts[-1]}"


def explanation(table: Table) -> str:
    """How the pairs are to be read."""
    tests = sum(pair.corrected is not None for pair in table.pairs)
    known = None not in {pair.difference.examples for pair in table.pairs}
    if not tests:
        over = ": intervals are of new test examples" if known else ", and no interval"
        return (
            f"Differences above 0 where the first is better. One seed{over}; it tells about these trained models, "
            "and there is no verdict on the mechanisms."
        )
    over = "new seeds and new test examples" if known else "new seeds on this very test set"
    swaps = (
        "; p (swaps) is approximate randomisation over test examples and tells about these trained models alone"
        if any(pair.examples_p is not None for pair in table.pairs)
        else ""
    )
    corrected = f"p (Holm) is corrected for all {tests} pairs" if tests > 1 else "with a single pair p (Holm) is p"
    return (
        f"Differences above 0 where the first is better, with 95 % intervals of {over}, each of its pair alone; "
        f"{corrected}, and a verdict takes at most 0.05 and {FEWEST} seeds{swaps}."
    )
