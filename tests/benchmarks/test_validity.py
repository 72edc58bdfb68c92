"""The comparison keeps its promises on data whose truth is known: quickly here, in full by `pytest -m slow`."""

import re
from pathlib import Path

import pytest

from attnbench.benchmarks.statistics import validity
from attnbench.benchmarks.statistics.promises import coverage, kept, satterthwaite, trials_of
from attnbench.benchmarks.statistics.simulated import World, mean_errors

PAGE = Path(__file__).resolve().parents[2] / "docs" / "validity.md"
TRIALS = 200
SLACK = 3.5 * (0.05 * 0.95 / TRIALS) ** 0.5  # of a share of 5 % in so many trials


@pytest.mark.parametrize("world", [World("mean", 0.25), World("accuracy", 1.0)], ids=lambda world: world.measure)
def test_promises_are_kept_with_three_seeds(world):
    found = kept(world, 3, TRIALS)
    assert found.alone < 0.05 + SLACK
    assert found.family < 0.05 + SLACK
    assert 0.93 - SLACK / 2 < found.covered < 0.97 + SLACK
    assert abs(found.reached - found.promised) < 3.5 * (0.25 / TRIALS) ** 0.5


def test_the_errors_of_made_up_means_are_those_measured():
    world = World("mean", 1.0)
    found = [pair.difference for pair in trials_of(world, 5, 200, 0.0)]
    spread, example_error = mean_errors(world)
    assert sum(5 * one.seed_error**2 for one in found) / 200 == pytest.approx(spread**2, rel=0.2)
    assert sum(one.example_error**2 for one in found) / 200 == pytest.approx(example_error**2, rel=0.1)


def test_the_usual_ways_miss_more_often_with_three_seeds():
    ours, theirs, bootstrap = coverage(World("mean", 0.1), 3, 200)
    assert bootstrap < 0.9 < ours
    assert theirs <= ours
    (pair,) = trials_of(World("mean", 0.0), 3, 1, 0.0)
    assert tuple(satterthwaite(pair.difference)) == pytest.approx(tuple(pair.difference.interval), rel=0.2)


def figures(name: str) -> list[list[str]]:
    """The lines of one computed table of the page."""
    block = re.search(rf"<!-- validity: {name} -->\n(.*?)<!-- end -->", PAGE.read_text("utf-8"), re.DOTALL)
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in block.group(1).splitlines()]
    return lines[2:]


def test_the_page_shows_promises_that_are_kept():
    found = figures("promises")
    assert len(found) == len(validity.WORLDS) * len(validity.SEEDS)
    for _, _, _, alone, family, covered, promised, reached in found:
        assert float(alone) < 6.5
        assert float(family) < 6.5
        assert 93 <= float(covered) <= 97.5
        assert abs(float(promised) - float(reached)) < 5


@pytest.mark.slow
def test_the_page_is_what_the_command_makes():
    page = PAGE.read_text("utf-8")
    assert validity.with_figures(page, validity.blocks(validity.TRIALS)) == page
