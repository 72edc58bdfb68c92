"""Whether the comparison keeps its promises, on data whose truth is known: `python -m attnbench.benchmarks.statistics.validity`.

Mechanisms that are alike are called different in at most 5 % of comparisons, a true effect is found as often as the power says,
and 95 % intervals hold the truth in about 95 %. What comes out is written into docs/validity.md.
"""

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

from attnbench.benchmarks.statistics.promises import FAMILY, Kept, asked, coverage, kept
from attnbench.benchmarks.statistics.simulated import World

SEEDS = (3, 5, 10)
TRIALS = 2000
WORLDS = (
    *(World("mean", weight) for weight in (0.0, 0.25, 1.0)),
    World("accuracy", 1.0),
    World("bleu", 1.0),
)
EFFECTS = (1.0, 2.0)  # for which seeds are asked, in standard deviations of a seed's difference
BLOCK = re.compile(r"(?P<head><!-- validity: (?P<name>\w+) -->\n).*?(?P<tail><!-- end -->)", re.DOTALL)


def percent(share: float) -> str:
    """In percent, one decimal."""
    return f"{100 * share:.1f}"


def lines(head: Sequence[str], body: Sequence[Sequence[object]]) -> str:
    """A pipe table."""
    rows = [head, ["---"] * len(head), *body]
    return "\n".join(f"| {' | '.join(map(str, row))} |" for row in rows)


def summary(found: Sequence[Kept], trials: int) -> str:
    """The three figures."""
    alone, family = ([one.alone for one in found], [one.family for one in found])
    least, most = min(one.covered for one in found), max(one.covered for one in found)
    off = [one.reached - one.promised for one in found]
    pairs = FAMILY * (FAMILY - 1) // 2
    return "\n".join(
        (
            f"- Alike, and called different: {percent(fmean(alone))} % of single pairs (in a line of the table at most "
            f"{percent(max(alone))} %), and {percent(fmean(family))} % of tables of {FAMILY} mechanisms (at most "
            f"{percent(max(family))} %) on any of their {pairs} pairs.",
            f"- A true effect is established in {percent(min(off))} to {percent(max(off))} points more trials than promised.",
            f"- 95 % intervals hold the truth in {percent(least)} to {percent(most)} % of trials.",
            f"\nEvery figure is from {trials} trials ({trials // 4} tables), so that 5.0 and 95.0 have a standard error of "
            f"{percent((0.05 * 0.95 / trials) ** 0.5)}.",
        )
    )


def blocks(trials: int) -> dict[str, str]:
    """All parts of the page that are computed, by name."""
    cases = [(world, seeds) for world in WORLDS for seeds in SEEDS]
    found = [kept(world, seeds, trials) for world, seeds in cases]
    head = ("measure", "weight of examples", "seeds", "alike: pair", "alike: table", "covered", "promised", "found")
    body = [
        (world.measure, f"{world.weight:g}", seeds, *map(percent, each))
        for (world, seeds), each in zip(cases, found, strict=True)
    ]
    needed = [
        (f"{effect:g}", f"{weight:g}", one.seeds, percent(one.promised), percent(one.reached))
        for effect in EFFECTS
        for weight in (0.0, 0.25)
        for one in [asked(World("mean", weight), effect, trials)]
    ]
    methods = [
        (f"{weight:g}", seeds, *map(percent, coverage(World("mean", weight), seeds, trials // 4)))
        for weight in (0.0, 0.25, 1.0)
        for seeds in SEEDS
    ]
    return {
        "summary": summary(found, trials),
        "promises": lines(head, body),
        "needed": lines(("effect", "weight of examples", "seeds asked", "promised", "found"), needed),
        "methods": lines(("weight of examples", "seeds", "here", "Satterthwaite", "crossed bootstrap"), methods),
    }


def with_figures(page: str, made: dict[str, str]) -> str:
    """The page with its blocks, each between `<!-- validity: NAME -->` and `<!-- end -->`, made anew."""
    return BLOCK.sub(lambda block: f"{block['head']}{made[block['name']]}\n{block['tail']}", page)


def main() -> None:
    """Simulates, and rewrites the page."""
    parser = argparse.ArgumentParser(prog="python -m attnbench.benchmarks.statistics.validity", description=__doc__)
    parser.add_argument("--trials", type=int, default=TRIALS)
    parser.add_argument("--page", type=Path, default=Path("docs/validity.md"))
    given = parser.parse_args()
    made = blocks(given.trials)
    given.page.write_text(with_figures(given.page.read_text("utf-8"), made), "utf-8")


if __name__ == "__main__":
    main()
