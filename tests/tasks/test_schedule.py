"""The learning rate over training."""

import math
from typing import Any

import pytest

from attnbench.tasks.schedule import Schedule

PLACES = [n / 20 for n in range(21)]


def test_a_constant_rate_is_never_changed() -> None:
    assert {Schedule()(place) for place in PLACES} == {1.0}


@pytest.mark.parametrize("shape", ["constant", "linear", "cosine"])
def test_the_rate_rises_from_0_over_the_warm_up_and_then_starts_from_1(shape: Any) -> None:
    schedule = Schedule(shape, warmup=0.2)
    assert [schedule(0.2 * part) for part in (0.0, 0.25, 0.5, 1.0)] == pytest.approx([0.0, 0.25, 0.5, 1.0])


@pytest.mark.parametrize(("shape", "half"), [("linear", 0.5), ("cosine", 0.5 * (1 + math.cos(math.pi / 2)))])
def test_the_rate_falls_to_0_and_never_rises_again(shape: Any, half: float) -> None:
    schedule = Schedule(shape, warmup=0.2)
    after = [schedule(place) for place in PLACES if place >= 0.2]
    assert after == sorted(after, reverse=True)
    assert schedule(0.6) == pytest.approx(half)
    assert schedule(1.0) == pytest.approx(0.0)
    assert schedule(1.1) == pytest.approx(0.0)


def test_a_cosine_stays_high_longer_than_a_line_and_ends_lower() -> None:
    line, wave = Schedule("linear"), Schedule("cosine")
    assert wave(0.25) > line(0.25)
    assert wave(0.75) < line(0.75)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shape": "steps"}, "schedule=steps: must be one of constant, linear, cosine"),
        ({"warmup": 1.0}, "warmup=1.0: must be a share of training"),
        ({"warmup": -0.1}, "warmup=-0.1: must be a share of training"),
    ],
)
def test_impossible_schedules_are_refused(unchecked_types: None, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Schedule(**options)
