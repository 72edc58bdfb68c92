"""Estimators: their formulas, the baselines' course, and what is refused."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from attnbench.attention import Alignment, Attended, Attention, Composed, Memory
from attnbench.attention.multi_head import MultiHead
from attnbench.attention.score.additive import Additive
from attnbench.attention.score.scaled_dot import ScaledDot
from attnbench.attention.selection.hard import Hard, choosing
from attnbench.attention.selection.softmax import Softmax
from attnbench.tasks.base import Model, Output, Prediction
from attnbench.tasks.estimators import Likelihood, Marginal, Reinforce
from attnbench.tasks.estimators.baselines import Drawn, Learned, MovingAverage
from attnbench.tasks.estimators.rewards import Reward, rewards


class Fixed(Model):
    """Gives the same outputs, one after the other, whatever the batch."""

    def __init__(self, *outputs: Output) -> None:
        super().__init__()
        self.outputs = list(outputs)
        self.attention: Attention = Composed(2, 2, score=partial(Additive, hidden_dim=2), selection=Hard)

    def forward(self, batch: object) -> Output:
        return self.outputs.pop(0) if len(self.outputs) > 1 else self.outputs[0]

    def predict(self, batch: object) -> Prediction:
        raise NotImplementedError


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


def reinforce(**options: Any) -> Reinforce:
    """Without the coin, and with its baseline in place."""
    estimator = Reinforce(**{"reward": "example", "expected_first": 0.0, "expected_last": 0.0, **options}).train()
    estimator.meet(Fixed(output_with([1.0], [1])))
    return estimator


def loss(estimator: Any, *outputs: Output) -> float:
    return estimator(Fixed(*outputs), None).loss.item()


def averages(estimator: Reinforce) -> MovingAverage:
    baseline = estimator.baselines[0]
    assert isinstance(baseline, MovingAverage)
    return baseline


def test_likelihood_is_nats_a_symbol_and_the_mean_penalty() -> None:
    assert loss(Likelihood(), output_with([6.0, 2.0], [3, 1])) == pytest.approx(2.0)
    assert loss(Likelihood(), output_with([6.0, 2.0], [3, 1], penalty=True)) == pytest.approx(2.5)


@pytest.mark.parametrize("kind", [Likelihood, Reinforce])
def test_label_smoothing_asks_a_share_of_all_words_alike(kind: Any) -> None:
    output = output_with([6.0, 2.0], [3, 1], drawn=False, penalty=True)._replace(spread=torch.tensor([12.0, 8.0]))
    # (1 - 0.25) · 8 / 4 + 0.25 · 20 / 4, and the penalty's mean
    assert loss(kind(label_smoothing=0.25).train(), output) == pytest.approx(2.75 + 0.5)
    assert loss(kind().train(), output) == pytest.approx(2.0 + 0.5)


def test_label_smoothing_is_refused_where_there_is_none() -> None:
    with pytest.raises(ValueError, match=r"label_smoothing=0\.1: this model has none; must be 0"):
        loss(Likelihood(label_smoothing=0.1), output_with([1.0], [1]))
    with pytest.raises(ValueError, match=r"label_smoothing=0\.1: estimator=marginal .* must be 0"):
        Marginal(label_smoothing=0.1)
    for estimator in (Likelihood, Reinforce):
        with pytest.raises(ValueError, match=r"label_smoothing=1\.0: must be from 0"):
            estimator(label_smoothing=1.0)


@pytest.mark.parametrize("estimator", [reinforce(), Marginal()], ids=["reinforce", "marginal"])
def test_nothing_drawn_gets_likelihood_alone(estimator: Any) -> None:
    output = output_with([6.0, 2.0], [3, 1], drawn=False, penalty=True)
    assert loss(estimator, output) == loss(Likelihood(), output)


def test_nothing_drawn_moves_no_baseline() -> None:
    estimator = reinforce()
    loss(estimator, output_with([6.0, 2.0], [3, 1], drawn=False))
    assert not averages(estimator).batches.any()


def test_loss_is_its_formula() -> None:
    estimator = reinforce(reward="symbol", reward_weight=0.3, entropy_weight=0.2)
    averages(estimator).average.fill_(-1.5)
    averages(estimator).batches.fill_(4)
    # Rewards -2 and -1 against -1.5; every log_prob is -1 and every entropy 0.5, two queries an example.
    surrogate = (-2 + 1.5) * -2 + (-1 + 1.5) * -2
    expected = 8 / 5 - (0.3 * surrogate + 0.2 * 2.0) / 5
    assert loss(estimator, output_with([6.0, 2.0], [3, 2])) == pytest.approx(expected)


def test_several_samples_are_averaged() -> None:
    first, second = output_with([6.0, 2.0], [3, 2]), output_with([4.0, 8.0], [3, 2])
    found = loss(reinforce(samples=2, baseline="none", entropy_weight=0.2), first, second)
    surrogates = [2 * (6 + 2), 2 * (4 + 8)]  # rewards -nll, log_prob -1 at each of two queries
    assert found == pytest.approx((8 + 12) / 2 / 5 - (sum(surrogates) / 2 + 0.2 * 2.0) / 5)


def test_left_out_samples_are_held_against_each_other() -> None:
    first, second = output_with([6.0, 2.0], [3, 2]), output_with([4.0, 8.0], [3, 2])
    found = loss(reinforce(samples=2, baseline="leave_one_out", entropy_weight=0.0), first, second)
    # Advantages -2 and 6 of the first sample, 2 and -6 of the second: times -1 at each of two queries.
    assert found == pytest.approx((8 + 12) / 2 / 5 - (-2 * (-2 + 6) + -2 * (2 - 6)) / 2 / 5)


def test_moving_average_starts_at_the_first_mean_and_moves_by_its_formula() -> None:
    estimator = reinforce(reward="symbol", baseline_decay=0.9)
    loss(estimator, output_with([6.0, 2.0], [3, 1]))
    assert averages(estimator).average[1].item() == pytest.approx(-2.0)
    loss(estimator, output_with([3.0, 4.0], [3, 1]))
    assert averages(estimator).average[1].item() == pytest.approx(0.9 * -2.0 + 0.1 * -2.5)
    assert averages(estimator).batches[1].item() == 2


def test_rewards_of_more_symbols_have_an_average_of_their_own() -> None:
    estimator = reinforce()
    loss(estimator, output_with([6.0, 2.0, 8.0], [3, 1, 3]))
    assert averages(estimator).average[[0, 1, 2, 3]].tolist() == pytest.approx([0.0, -2.0, 0.0, -7.0])


def test_first_batch_is_held_against_its_own_mean_and_later_ones_against_those_before() -> None:
    estimator = reinforce(entropy_weight=0.0)
    log_probs = []
    for nll in ([6.0, 2.0], [1.0, 2.0]):
        output = output_with(nll, [1, 1])
        estimator(Fixed(output), None).loss.backward()
        grad = output.alignments[0].log_prob
        assert grad is not None
        assert grad.grad is not None
        log_probs.append((-2 * grad.grad[:, 0]).tolist())
    assert log_probs[0] == pytest.approx([-6 + 4, -2 + 4])
    assert log_probs[1] == pytest.approx([-1 + 4, -2 + 4])


def test_evaluation_moves_no_baseline() -> None:
    estimator = reinforce()
    loss(estimator, output_with([6.0, 2.0], [3, 1]))
    before = averages(estimator).average.tolist()
    loss(estimator.eval(), output_with([60.0, 20.0], [3, 1]))
    assert averages(estimator).average.tolist() == before


def test_baseline_survives_a_checkpoint() -> None:
    first, second = reinforce(), reinforce()
    loss(first, output_with([6.0, 2.0], [3, 1]))
    second.load_state_dict(first.state_dict())
    later = output_with([1.0, 9.0], [1, 1])
    assert loss(second, later) == loss(first, later)


def test_learned_baseline_learns_what_rewards_follow_from_the_query() -> None:
    torch.manual_seed(0)
    baseline = Learned(0.9, 2).train()
    optimizer = torch.optim.Adam(baseline.parameters(), 1e-2)
    symbols, errors = torch.ones(64, 1, dtype=torch.long), []
    for _ in range(300):
        queries = torch.randn(1, 64, 1, 2)
        known = -3.0 + 2.0 * queries[..., 0]
        expected = baseline(Drawn(known, symbols, lambda: torch.zeros(64, 1), queries))
        assert not expected.requires_grad
        errors.append((expected - known).square().mean().item())
        error = baseline.loss()
        assert error is not None
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
    assert sum(errors[-20:]) / 20 < 0.1 * sum(errors[:20]) / 20


@pytest.mark.parametrize(
    ("reward", "discount", "values", "symbols"),
    [
        ("example", 1.0, [[-6.0] * 3, [-1.0] * 3], [[3] * 3, [1] * 3]),
        ("symbol", 1.0, [[-2.0] * 3, [-1.0] * 3], [[1] * 3, [1] * 3]),
        ("to_go", 1.0, [[-6.0, -5.0, -3.0], [-1.0, 0.0, 0.0]], [[3, 2, 1], [1, 0, 0]]),
        ("to_go", 0.5, [[-2.75, -3.5, -3.0], [-1.0, 0.0, 0.0]], [[3, 2, 1], [1, 0, 0]]),
        ("to_go", 0.0, [[-1.0, -2.0, -3.0], [-1.0, 0.0, 0.0]], [[3, 2, 1], [1, 0, 0]]),
    ],
)
def test_rewards_are_their_formula(
    reward: Reward, discount: float, values: list[list[float]], symbols: list[list[int]]
) -> None:
    steps = torch.tensor([[1.0, 2.0, 3.0], [1.0, 0.0, 0.0]])
    output = Output(steps.sum(dim=1), torch.tensor([3, 1]), [Alignment(torch.ones(2, 3, 1))], steps=steps)
    found = rewards(output, output.alignments[0], reward, discount)
    assert found.values.tolist() == values
    assert found.symbols.tolist() == symbols


def test_queries_that_are_not_symbols_get_the_example_s_reward() -> None:
    steps = torch.tensor([[3.0]])
    output = Output(steps.sum(dim=1), torch.tensor([1]), [Alignment(torch.ones(1, 4, 2))], steps=steps)
    assert rewards(output, output.alignments[0], "to_go", 1.0).values.tolist() == [[-3.0] * 4]


def test_all_places_of_attention_are_rewarded() -> None:
    output = output_with([6.0, 2.0], [3, 1])
    twice = output._replace(alignments=[*output.alignments, *output.alignments])
    estimator = Reinforce(
        reward="example", entropy_weight=0.0, expected_first=0.0, expected_last=0.0, baseline="none"
    ).eval()
    model = Fixed(twice)
    model.second = Composed(2, 2, score=partial(Additive, hidden_dim=2), selection=Hard)
    estimator.meet(model)
    likelihood = loss(Likelihood(), output)
    doubled = estimator(model, None).loss.item() - likelihood
    assert doubled == pytest.approx(2 * (loss(estimator, output) - likelihood))


def attention(selection: type = Hard) -> Composed:
    torch.manual_seed(3)
    return Composed(4, 4, score=partial(Additive, hidden_dim=3), selection=selection)


def asked(module: Composed, queries: int = 2) -> Alignment:
    torch.manual_seed(4)
    keys, mask = torch.randn(2, 5, 4), torch.ones(2, 1, 5, dtype=torch.bool)
    found: Tensor = module(torch.randn(2, queries, 4), module.prepare(keys, keys, mask))
    return found.alignment  # type: ignore[attr-defined, no-any-return]


def test_choosing_the_likeliest_is_evaluation_and_tells_no_log_prob() -> None:
    module = attention()
    with choosing(module.train(), "likeliest"):
        found = asked(module)
    assert torch.equal(found.weights, asked(module.eval()).weights)
    assert found.log_prob is None


def test_choosing_the_expected_is_soft_attention() -> None:
    module = attention()
    with choosing(module.train(), "expected"):
        found = asked(module)
    torch.testing.assert_close(found.weights, asked(attention(Softmax)).weights)
    assert found.log_prob is None
    assert found.weights.requires_grad


def test_choosing_positions_tells_their_log_prob() -> None:
    module, soft = attention().train(), asked(attention(Softmax)).weights
    with choosing(module, iter([3, 0])):
        found = asked(module)
    assert found.weights.argmax(dim=-1).tolist() == [[3, 0]] * 2
    assert found.log_prob is not None
    torch.testing.assert_close(found.log_prob.exp(), torch.stack([soft[:, 0, 3], soft[:, 1, 0]], dim=1))


def test_choosing_ends_with_its_block_even_when_that_fails() -> None:
    module = attention().train()
    with pytest.raises(RuntimeError), choosing(module, "expected"):
        raise RuntimeError
    assert asked(module).log_prob is not None


@pytest.mark.parametrize(("progress", "share"), [(0.0, 0.8), (0.5, 0.8), (0.75, 0.5), (1.0, 0.2)])
def test_the_coin_s_share_holds_and_then_moves(progress: float, share: float) -> None:
    estimator = Reinforce(expected_first=0.8, expected_last=0.2, expected_hold=0.5).train()
    torch.manual_seed(0)
    model = Fixed(output_with([1.0], [1]))
    tosses = [estimator.expects(model, progress) for _ in range(4000)]
    assert sum(tosses) / 4000 == pytest.approx(share, abs=4 * (share * (1 - share) / 4000) ** 0.5)


@pytest.mark.parametrize(("progress", "weight"), [(0.0, 0.4), (0.5, 0.4), (0.75, 0.1), (1.0, -0.2)])
def test_the_entropy_s_weight_moves_with_the_share(progress: float, weight: float) -> None:
    plain = reinforce(entropy_weight=0.0, reward_weight=0.0)
    moving = reinforce(entropy_weight=0.4, entropy_last=-0.2, reward_weight=0.0, expected_hold=0.5)
    drawn = output_with([6.0, 2.0], [3, 1])
    entropy = drawn.alignments[0].entropy
    assert entropy is not None
    found = moving(Fixed(drawn), None, progress).loss - plain(Fixed(drawn), None, progress).loss
    assert found.item() == pytest.approx(-weight * entropy.sum().item() / 4)


@pytest.mark.parametrize(("progress", "weight"), [(0.0, 0.4), (0.5, 0.4), (0.75, 0.2), (1.0, 0.0)])
def test_soft_attention_s_entropy_is_worth_its_weight_which_moves_to_0(progress: float, weight: float) -> None:
    weights = torch.tensor([[[0.5, 0.25, 0.25], [0.0, 0.0, 0.0]]])
    soft = output_with([6.0], [4], drawn=False)._replace(alignments=[Alignment(weights)])
    found = reinforce(soft_entropy_weight=0.4, expected_hold=0.5)(Fixed(soft), None, progress).loss
    assert found.item() == pytest.approx(6 / 4 - weight * torch.special.entr(weights).sum().item() / 4)


def test_soft_attention_s_entropy_has_a_slope_at_weights_of_0() -> None:
    weights = torch.tensor([[[1.0, 0.0, 0.0]]], requires_grad=True)
    soft = output_with([1.0], [1], drawn=False)._replace(alignments=[Alignment(weights)])
    reinforce(soft_entropy_weight=1.0)(Fixed(soft), None).loss.backward()
    assert weights.grad is not None
    assert weights.grad.isfinite().all()
    assert (weights.grad[0, 0, 1:] < weights.grad[0, 0, 0]).all()  # what has no weight is given some


def test_what_draws_does_not_ask_what_soft_attention_s_entropy_is_worth() -> None:
    drawn = output_with([6.0, 2.0], [3, 1])
    assert loss(reinforce(soft_entropy_weight=0.4), drawn) == loss(reinforce(), drawn)


def test_no_coin_is_tossed_where_nothing_is_hard() -> None:
    model = Fixed(output_with([1.0], [1]))
    model.attention = attention(Softmax)
    state = torch.get_rng_state()
    assert not Reinforce(expected_first=1.0).train().expects(model, 0.0)
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"reward": "sentence"}, "reward=sentence: must be one of example, symbol, to_go"),
        ({"soft_entropy_weight": "wide"}, "soft_entropy_weight=wide: must be a number"),
        ({"entropy_weight": None}, "entropy_weight=None: must be a number"),
        (
            {"baseline": "mean"},
            "baseline=mean: must be one of none, moving_average, self_critical, leave_one_out, learned",
        ),
        ({"samples": 1, "baseline": "leave_one_out"}, "samples=1: must be 2 or more with baseline=leave_one_out"),
        ({"samples": 0}, "samples=0: must be 1 or more with baseline=moving_average"),
        ({"discount": 1.5}, "discount=1.5: must be from 0 to 1"),
        ({"expected_first": -0.5}, "expected_first=-0.5: must be from 0 to 1"),
        ({"baseline_decay": 1.0}, "baseline_decay=1.0: must be at least 0 and below 1"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        Reinforce(**options)
    assert "\n" not in str(caught.value)


class Bare(Attention):
    """An attention of its own kind that tells no sizes."""

    def prepare(self, keys: Tensor, values: Tensor, mask: Tensor) -> Memory:
        return Memory(keys, values, mask)

    def forward(self, query: Tensor, memory: Memory) -> Attended:
        raise NotImplementedError


def test_an_attention_need_not_tell_its_size_unless_a_baseline_learns() -> None:
    model = Fixed(output_with([1.0], [1]))
    model.attention = Bare()
    Reinforce().meet(model)
    with pytest.raises(AttributeError, match="query_dim"):
        Reinforce(baseline="learned").meet(model)


def test_marginal_refuses_heads() -> None:
    model = Fixed(output_with([1.0], [1]))
    model.attention = MultiHead(2, 2, heads=2, attention=partial(Composed, score=ScaledDot, selection=Hard))
    with pytest.raises(ValueError, match="estimator=marginal cannot go with MultiHead"):
        Marginal().meet(model)


def test_marginal_refuses_no_choices() -> None:
    with pytest.raises(ValueError, match="limit=0: must be at least 1"):
        Marginal(limit=0)
