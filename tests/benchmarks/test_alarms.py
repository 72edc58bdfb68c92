"""Collapsed attention is told of, in the record and in the report."""

from types import SimpleNamespace
from typing import Any

import pytest
from torch import nn

from attnbench.attention.selection.hard import Hard
from attnbench.benchmarks.alarms import alarms, undrawn
from attnbench.tasks.estimators import Reinforce

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


@pytest.mark.parametrize(("last", "told"), [(0.5, False), (1.0, True)])
def test_hard_attention_that_never_drew_is_told(unchecked_types: None, last: float, told: bool) -> None:
    estimator = Reinforce(expected_first=1.0, expected_hold=0.5, expected_last=last)
    lit: Any = SimpleNamespace(estimator=estimator, model=nn.Sequential(Hard()))
    line = "no position was drawn in 12 epochs: what was trained is soft attention"
    assert undrawn(lit, 12) == ([line] if told else [])
