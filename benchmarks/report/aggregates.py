"""Aggregates across tasks in words and cells."""

from collections.abc import Sequence

from attnbench.benchmarks.statistics.across import Across, Aggregate


def written(found: Aggregate) -> str:
    """`0.93 [0.80, 1.00]`."""
    return f"{found.value:.2f} [{found.interval.low:.2f}, {found.interval.high:.2f}]"


def header(found: Across) -> list[str]:
    """The titles of the columns behind the mechanism's."""
    return ["IQM", *(f"P(better than {name})" for name in found.means)]


def lines(found: Across) -> list[list[str]]:
    """A line a mechanism: its name, its interquartile mean, the probability of improvement on every other."""
    return [
        [
            one,
            written(mean),
            *("–" if one == other else written(found.improvement[one, other]) for other in found.means),
        ]
        for one, mean in found.means.items()
    ]


def explanation(found: Across) -> str:
    """How the aggregates are to be read."""
    left = "; ".join(f"{name}: {why}" for name, why in found.left_out.items())
    return (
        f"Over {', '.join(found.tables)}: scores are normalised so that the control's mean is 0 and the best mechanism's 1; "
        "interquartile mean and probability of improvement over task × seed, 95 % stratified bootstrap intervals; "
        f"no verdict rests on them.{f' Left out: {left}.' if left else ''}"
    )


def summary(found: Across) -> str:
    """One sentence: the interquartile means, highest first."""
    ranked: Sequence[tuple[str, Aggregate]] = sorted(found.means.items(), key=lambda item: -item[1].value)
    told = ", ".join(f"{name} {written(mean)}" for name, mean in ranked)
    return f"across {len(found.tables)} tasks, interquartile mean of normalised scores: {told}."
