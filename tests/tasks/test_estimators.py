"""Estimators: their formulas, the baseline's course, and what is refused."""

from collections.abc import Sequence
from typing import Any

import pytest
import torch

from attnbench.attention import Alignment
from attnbench.tasks.base import Output
from attnbench.tasks.estimators import Likelihood, Reinforce


def output_with(nll: Sequence[float], symbols: Sequence[int], *, drawn: bool = True, penalty: bool = False) -> Output:
    rows = len(nll)
    weights = torch.softmax(torch.ones(rows, 2, 3), dim=-1)
    scored = torch.full((rows, 2), -1.0, requires_grad=True)
    alignment = Alignment(weights, scored, scored * 0 + 0.5) if drawn else Alignment(weights)
    return Output(
        torch.tensor(nll),
        torch.tensor(symbols),
        [alignment],
        penalty=torch.arange(float(rows)) if penalty else None,
    )


def test_likelihood_is_nats_a_symbol_and_the_mean_penalty() -> None:
    assert Likelihood()(output_with([6.0, 2.0], [3, 1])).item() == pytest.approx(2.0)
    assert Likelihood()(output_with([6.0, 2.0], [3, 1], penalty=True)).item() == pytest.approx(2.5)


def test_nothing_drawn_gets_likelihood_alone_and_moves_no_baseline() -> None:
    estimator, output = Reinforce(), output_with([6.0, 2.0], [3, 1], drawn=False, penalty=True)
    assert estimator(output).item() == Likelihood()(output).item()
    assert estimator.batches.item() == 0
    assert estimator.baseline.item() == 0


def test_loss_is_its_formula() -> None:
    estimator = Reinforce(reward="symbol", reward_weight=0.3, entropy_weight=0.2).train()
    estimator.baseline.fill_(-1.5)
    estimator.batches.fill_(4)
    loss = estimator(output_with([6.0, 2.0], [3, 2])).item()
    # Rewards -2 and -1 against -1.5; every log_prob is -1 and every entropy 0.5, two queries an example.
    surrogate = (-2 + 1.5) * -2 + (-1 + 1.5) * -2
    assert loss == pytest.approx(8 / 5 - (0.3 * surrogate + 0.2 * 2.0) / 5)


def test_baseline_starts_at_the_first_mean_and_moves_by_its_formula() -> None:
    estimator = Reinforce(reward="example", baseline_decay=0.9).train()
    estimator(output_with([6.0, 2.0], [3, 1]))
    assert estimator.baseline.item() == pytest.approx(-4.0)
    estimator(output_with([1.0, 2.0], [3, 1]))
    assert estimator.baseline.item() == pytest.approx(0.9 * -4.0 + 0.1 * -1.5)
    assert estimator.batches.item() == 2


def test_first_batch_is_held_against_its_own_mean_and_later_ones_against_those_before() -> None:
    estimator = Reinforce(reward="example", reward_weight=1.0, entropy_weight=0.0).train()
    log_probs = []
    for nll in ([6.0, 2.0], [1.0, 2.0]):
        output = output_with(nll, [1, 1])
        estimator(output).backward()
        grad = output.alignments[0].log_prob
        assert grad is not None
        assert grad.grad is not None
        log_probs.append((-2 * grad.grad[:, 0]).tolist())
    assert log_probs[0] == pytest.approx([-6 + 4, -2 + 4])
    assert log_probs[1] == pytest.approx([-1 + 4, -2 + 4])


def test_evaluation_moves_no_baseline() -> None:
    estimator = Reinforce().train()
    estimator(output_with([6.0, 2.0], [3, 1]))
    before = estimator.baseline.item()
    estimator.eval()(output_with([60.0, 20.0], [3, 1]))
    assert estimator.baseline.item() == before
    assert estimator.batches.item() == 1


def test_baseline_survives_a_checkpoint() -> None:
    first, second = Reinforce(reward="example").train(), Reinforce(reward="example").train()
    first(output_with([6.0, 2.0], [3, 1]))
    second.load_state_dict(first.state_dict())
    assert second.baseline.item() == pytest.approx(-4.0)
    later = output_with([1.0, 9.0], [1, 1])
    assert second(later).item() == first(later).item()


def test_all_places_of_attention_are_rewarded() -> None:
    output = output_with([6.0, 2.0], [3, 1])
    twice = output._replace(alignments=[*output.alignments, *output.alignments])
    estimator = Reinforce(entropy_weight=0.0).eval()
    likelihood = Likelihood()(output).item()
    assert estimator(twice).item() - likelihood == pytest.approx(2 * (estimator(output).item() - likelihood))


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"reward": "sentence"}, "reward=sentence: must be one of example, symbol"),
        ({"baseline_decay": 1.0}, "baseline_decay=1.0: must be at least 0 and below 1"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        Reinforce(**options)
    assert "\n" not in str(caught.value)
