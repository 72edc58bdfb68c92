"""What a run remembers of its own training."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch

from attnbench.benchmarks import energy
from attnbench.benchmarks.history import History
from attnbench.benchmarks.progress import Silent
from attnbench.tasks.lit import LitTask

TRAINER = cast(Any, SimpleNamespace(num_training_batches=2, current_epoch=0, callback_metrics={}))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A clock that stands until it is set."""
    standing = SimpleNamespace(seconds=0.0, joules=500.0)
    monkeypatch.setattr(energy, "counters", lambda device: [energy.Counter(lambda: standing.joules)])
    monkeypatch.setattr(History, "now", staticmethod(lambda module: standing.seconds))
    return standing


def unmade() -> LitTask:
    """As much of a task in training as a diary asks."""
    module = LitTask.__new__(LitTask)
    module._device = torch.device("cpu")
    return module


def epoch(history: History, clock: SimpleNamespace, module: LitTask) -> None:
    """Two batches of 10 and 30 symbols: 1 s to load and 4 s to step through each; then 100 s of validation."""
    history.on_train_start(TRAINER, module)
    history.on_train_epoch_start(TRAINER, module)
    clock.joules += 7.0
    for number, symbols in enumerate((10, 30)):
        clock.seconds += 1.0
        history.on_train_batch_start(TRAINER, module, None, number)
        module.symbols, module.examples = symbols, 2
        clock.seconds += 4.0
        history.on_train_batch_end(TRAINER, module, None, None, number)
    clock.seconds += 100.0
    history.on_train_epoch_end(TRAINER, module)


def test_words_a_second_count_steps_and_loading_but_no_validation(
    clock: SimpleNamespace, unchecked_types: None
) -> None:
    history, module = History(Silent(), 2), unmade()
    assert history.symbols_per_second is history.examples_per_second is None
    epoch(history, clock, module)
    epoch(history, clock, module)
    assert history.symbols_per_second == pytest.approx(80 / 20)
    assert history.examples_per_second == pytest.approx(8 / 20)
    assert history.step_seconds == 4.0


def test_steps_are_told_by_their_median_and_by_how_far_their_quartiles_are_apart(unchecked_types: None) -> None:
    history = History(Silent(), 2)
    assert history.step_seconds_spread is None
    history.steps = [1.0, 9.0, 2.0, 4.0, 3.0]
    assert (history.step_seconds, history.step_seconds_spread) == (3.0, 2.0)


def test_an_interrupted_run_goes_on_counting(clock: SimpleNamespace, unchecked_types: None) -> None:
    history, module = History(Silent(), 2), unmade()
    epoch(history, clock, module)
    assert history.energy.joules == 7.0
    clock.joules += 1000.0  # spent by others
    resumed = History(Silent(), 2)
    resumed.load_state_dict(history.state_dict())
    epoch(resumed, clock, module)
    assert resumed.energy.joules == 14.0
    assert resumed.symbols_per_second == pytest.approx(80 / 20)
    assert resumed.examples_per_second == pytest.approx(8 / 20)
    assert len(resumed.steps) == 4
