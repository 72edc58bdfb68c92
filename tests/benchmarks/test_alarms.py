"""Collapsed attention is told of, in the record and in the report."""

import pytest

from attnbench.benchmarks.alarms import alarms

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
