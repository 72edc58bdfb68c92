"""What a pass over a split counts."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch

from attnbench.attention import Alignment
from attnbench.tasks import lit
from attnbench.tasks.base import Output, Prediction
from attnbench.tasks.lit import Judged


class Slow:
    """A model that takes 100 s to look back and 2 s to predict."""

    def __init__(self, clock: SimpleNamespace) -> None:
        self.clock = clock

    def __call__(self, batch: int) -> Output:
        self.clock.seconds += 100.0
        return Output(torch.ones(batch), torch.ones(batch, dtype=torch.long), [Alignment(torch.ones(batch, 1, 1))])

    def predict(self, batch: int) -> Prediction:
        self.clock.seconds += 2.0
        return Prediction(said=["a"] * batch, truth=[["a"]] * batch, alignments=[], queries=[], memory=[])


def test_predictions_a_second_count_the_time_of_predicting_alone(
    monkeypatch: pytest.MonkeyPatch, unchecked_types: None
) -> None:
    clock = SimpleNamespace(seconds=0.0)
    monkeypatch.setattr(lit, "clock", lambda device: clock.seconds)
    judged, task = Judged(), cast(Any, SimpleNamespace(completed=lambda prediction: prediction))
    assert judged.predictions_per_second is None
    for examples in (5, 7):
        judged.judge(task, cast(Any, Slow(clock)), examples, torch.device("cpu"))
    assert judged.predictions_per_second == pytest.approx(12 / 4)
