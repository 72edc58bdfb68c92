"""Collapsed attention is told of, in the record and in the report."""

from types import SimpleNamespace
from typing import Any

import pytest
from torch import nn

from attnbench.attention.selection.hard import Hard
from attnbench.attention.selection.softmax import Softmax
from attnbench.benchmarks.alarms import alarms, undrawn
from attnbench.tasks.estimators import Likelihood, Reinforce

NAN = float("nan")


@pytest.mark.parametrize(
    ("movement", "dependence", "told"),
    [
        (0.5, 0.5, []),
        (0.001, 0.5, ["does not move"]),
        (0.5, 0.0, ["does not depend on the input"]),
        (0.0, 0.0, ["does not move", "does not depend on the input"]),
        (NAN, 0.5, []),  # a single query cannot move
        (NAN, NAN, []),
    ],
)
def test_alarms_follow_what_attention_did(movement: float, dependence: float, told: list[str]) -> None:
    found = alarms({"movement": movement, "dependence": dependence}, control=False)
    assert len(found) == len(told)
    assert all(words in alarm for words, alarm in zip(told, found, strict=True))


def test_the_control_is_not_blamed() -> None:
    assert alarms({"movement": 0.0, "dependence": 0.0}, control=True) == []


@pytest.mark.parametrize(
    ("epoch", "shares", "told"),
    [
        (6, {"expected_first": 1.0, "expected_hold": 0.5, "expected_last": 0.5}, True),
        (7, {"expected_first": 1.0, "expected_hold": 0.5, "expected_last": 0.5}, False),
        (1, {"expected_first": 0.5, "expected_hold": 0.0, "expected_last": 0.5}, False),
        (12, {"expected_first": 0.0, "expected_hold": 0.5, "expected_last": 1.0}, False),  # drawn first of all
        (12, {"expected_first": 1.0, "expected_hold": 0.5, "expected_last": 1.0}, True),
    ],
)
def test_hard_attention_that_was_chosen_before_its_first_draw_is_told(
    unchecked_types: None, epoch: int, shares: dict[str, float], told: bool
) -> None:
    lit: Any = SimpleNamespace(estimator=Reinforce(**shares), model=nn.Sequential(Hard()))
    assert undrawn(lit, epoch, 12) == (
        [f"the chosen epoch ({epoch} of 12) comes before the first draw: what was tested is soft attention"]
        if told
        else []
    )


def test_what_never_draws_is_not_asked_when_it_began(unchecked_types: None) -> None:
    soft: Any = SimpleNamespace(estimator=Reinforce(), model=nn.Sequential(Softmax()))
    plain: Any = SimpleNamespace(estimator=Likelihood(), model=nn.Sequential(Hard()))
    assert undrawn(soft, 1, 12) == undrawn(plain, 1, 12) == []
