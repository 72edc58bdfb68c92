"""The estimators against exact enumeration of all choices, and faulty ones that the same check must reject."""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from attnbench.attention import Alignment, Attended, Attention, Memory
from attnbench.attention.selection.hard import Hard
from attnbench.tasks.base import Model, Output, Prediction
from attnbench.tasks.estimators import Marginal, Reinforce

QUERIES, MEMORY = 3, 4
MASK = torch.tensor([[1, 1, 1, 0], [1, 0, 1, 1], [0, 1, 1, 1]], dtype=torch.bool)

DRAWS = 40_000
ERRORS = 4.0
BASELINE = -2.0
BASELINES = ("none", "moving_average", "self_critical", "leave_one_out", "learned")

Draw = Callable[[Tensor], Alignment]


class Given(Attention):
    """Is asked with the scores themselves."""

    def __init__(self, draw: Draw | None) -> None:
        super().__init__()
        self.query_dim = MEMORY
        self.selection = Hard()
        self.drawn = draw

    def prepare(self, keys: Tensor, values: Tensor, mask: Tensor) -> Memory:
        return Memory(keys, values, mask)

    def forward(self, query: Tensor, memory: Memory) -> Attended:
        scores = query.masked_fill(~MASK, -torch.inf)
        alignment: Alignment = self.selection(scores) if self.drawn is None else self.drawn(scores)
        return Attended((alignment.weights.unsqueeze(-1) * memory.values).sum(dim=-2), alignment)


class Enumerated(Model):
    """p(y|s) = Π_q softmax(tanh(Σ_{r≤q} v_{r,s_r}) W)_{y_q}: each symbol depends on all choices up to it.

    Every row of a batch has parameters of its own, equal to the others', so that each row has a gradient of its own.
    """

    def __init__(self, draws: int, draw: Draw | None = None) -> None:
        super().__init__()
        torch.manual_seed(11)
        plain = {
            "scores": torch.randn(QUERIES, MEMORY, dtype=torch.float64),
            "values": torch.randn(QUERIES, MEMORY, 2, dtype=torch.float64),
            "output": torch.randn(2, 3, dtype=torch.float64),
        }
        self.draws = draws
        self.leaves = {
            name: value.expand(draws, *value.shape).clone().requires_grad_() for name, value in plain.items()
        }
        self.truth = torch.tensor([0, 2, 1])
        self.attention = Given(draw)

    def steps(self, context: Tensor) -> Tensor:
        log_probs = torch.log_softmax(torch.tanh(context.cumsum(dim=-2)) @ self.leaves["output"], dim=-1)
        return -log_probs.gather(-1, self.truth.expand(self.draws, -1).unsqueeze(-1)).squeeze(-1)

    def forward(self, batch: object) -> Output:
        memory = self.attention.prepare(self.leaves["values"], self.leaves["values"], MASK)
        context, alignment, _ = self.attention(self.leaves["scores"], memory)
        steps = self.steps(context)
        symbols = torch.full((self.draws,), QUERIES)
        return Output(steps.sum(dim=-1), symbols, [alignment], steps=steps)

    def predict(self, batch: object) -> Prediction:
        raise NotImplementedError

    def log_probs(self) -> Tensor:
        return torch.log_softmax(self.leaves["scores"].masked_fill(~MASK, -torch.inf), dim=-1)

    def choices(self) -> Iterator[tuple[Tensor, Tensor]]:
        """log p(s) and log p(y|s) of every choice that may be made, for each row."""
        for choice in itertools.product(*(row.nonzero().flatten().tolist() for row in MASK)):
            weights = nn.functional.one_hot(torch.tensor(choice), MEMORY).double().expand(self.draws, -1, -1)
            prior = (self.log_probs().masked_fill(~MASK, 0.0) * weights).sum(dim=(-2, -1))
            context = (weights.unsqueeze(-1) * self.leaves["values"]).sum(dim=-2)
            yield prior, -self.steps(context).sum(dim=-1)

    def gradients(self, goal: Tensor) -> list[Tensor]:
        """Each row's gradient, of each leaf."""
        return list(torch.autograd.grad(goal.sum(), list(self.leaves.values()), allow_unused=True))

    def expected(self, entropy_weight: float = 0.0) -> Tensor:
        """E_s[log p(y|s)] + λ_e Σ_q H_q, by summing over all choices, for each row."""
        goal = sum((prior.exp() * likelihood for prior, likelihood in self.choices()), torch.zeros(self.draws).double())
        known = self.log_probs().masked_fill(~MASK, 0.0)
        return goal - entropy_weight * (known.exp().masked_fill(~MASK, 0.0) * known).sum(dim=(-2, -1))

    def marginal(self) -> Tensor:
        """log Σ_s p(s) p(y|s), for each row."""
        return torch.stack([prior + likelihood for prior, likelihood in self.choices()]).logsumexp(dim=0)


Loss = Callable[[Enumerated], Tensor]


def gradients(loss: Loss, *, draw: Draw | None = None, draws: int = DRAWS) -> list[Tensor]:
    """One draw's estimate of the gradient a row, of each leaf."""
    model = Enumerated(draws, draw).train()
    torch.manual_seed(12)
    # The loss is a mean a symbol over the batch; times all symbols, each row's gradient is one draw's estimate of -∂.
    found = model.gradients(-loss(model) * draws * QUERIES)
    return [
        torch.zeros_like(leaf) if grad is None else grad
        for leaf, grad in zip(model.leaves.values(), found, strict=True)
    ]


def standard_errors_off(loss: Loss, *, draw: Draw | None = None, entropy_weight: float = 0.0) -> float:
    """By how many standard errors the mean gradient misses the enumerated one, in the worst coordinate."""
    one = Enumerated(1)
    worst = 0.0
    for grad, exact in zip(gradients(loss, draw=draw), one.gradients(one.expected(entropy_weight)), strict=True):
        error = grad.std(dim=0) / math.sqrt(DRAWS)
        worst = max(worst, ((grad.mean(dim=0) - exact[0]).abs() / (error + 1e-9)).max().item())
    return worst


def spread(loss: Loss) -> float:
    """The variance of the estimated gradient of the scores, over all coordinates."""
    return gradients(loss)[0].var(dim=0).sum().item()


def unbiased(**options: Any) -> Loss:
    """With the weights that make it unbiased. Its baseline has met other draws before, as in training."""
    least = 2 if options.get("baseline") == "leave_one_out" else 1
    standard = {"reward": "example", "discount": 1.0, "reward_weight": 1.0, "entropy_weight": 0.0, "samples": least}
    estimator = Reinforce(**{**standard, "expected_first": 0.0, "expected_last": 0.0, **options}).train()

    def loss(model: Enumerated) -> Tensor:
        estimator.meet(model)
        for parameter in estimator.parameters():
            nn.init.normal_(parameter, std=0.1)
        with torch.no_grad():
            estimator(Enumerated(1000).train(), None)
        return estimator(model, None).loss

    return loss


def test_enumeration_meets_differences() -> None:
    def expected(scores: Tensor) -> float:
        probabilities = torch.softmax(scores.masked_fill(~MASK, -torch.inf), dim=-1)
        model, total = Enumerated(1), 0.0
        for choice in itertools.product(range(MEMORY), repeat=QUERIES):
            weights = nn.functional.one_hot(torch.tensor(choice), MEMORY).double().unsqueeze(0)
            context = (weights.unsqueeze(-1) * model.leaves["values"]).sum(dim=-2)
            chance = math.prod(probabilities[0, q, s].item() for q, s in enumerate(choice))
            total -= chance * model.steps(context).sum().item()
        return total

    model, step = Enumerated(1), 1e-5
    exact = model.gradients(model.expected())[0]
    for query, position in itertools.product(range(QUERIES), range(MEMORY)):
        nudge = torch.zeros_like(exact)
        nudge[0, query, position] = step
        base = model.leaves["scores"].detach()
        difference = (expected(base + nudge) - expected(base - nudge)) / (2 * step)
        assert exact[0, query, position].item() == pytest.approx(difference, abs=1e-8)


@pytest.mark.parametrize("reward", ["example", "to_go"])
@pytest.mark.parametrize("baseline", BASELINES)
def test_gradient_is_that_of_enumeration(baseline: str, reward: str) -> None:
    assert standard_errors_off(unbiased(baseline=baseline, reward=reward)) < ERRORS


@pytest.mark.parametrize("baseline", ["none", "leave_one_out"])
def test_gradient_of_several_samples_is_that_of_enumeration(baseline: str) -> None:
    assert standard_errors_off(unbiased(baseline=baseline, samples=3)) < ERRORS


def test_gradient_with_entropy_adds_that_of_entropy() -> None:
    assert standard_errors_off(unbiased(entropy_weight=0.7), entropy_weight=0.7) < ERRORS


def test_a_discount_is_biased() -> None:
    assert standard_errors_off(unbiased(reward="to_go", discount=0.0)) > 2 * ERRORS


def test_expected_context_is_soft_attention() -> None:
    """Its gradient has no variance: that of log p(y | Σ α v)."""
    found = gradients(unbiased(expected_first=1.0), draws=3)
    one = Enumerated(1)
    context = (one.log_probs().exp().unsqueeze(-1) * one.leaves["values"]).sum(dim=-2)
    for grad, exact in zip(found, one.gradients(-one.steps(context).sum(dim=-1)), strict=True):
        torch.testing.assert_close(grad, exact.expand_as(grad))


def test_marginal_is_enumeration_without_variance() -> None:
    one = Enumerated(1)
    exact = one.gradients(one.marginal())
    estimator = Marginal(limit=MEMORY**QUERIES)
    for grad, wanted in zip(gradients(lambda model: estimator(model, None).loss, draws=3), exact, strict=True):
        torch.testing.assert_close(grad, wanted.expand_as(grad))
    loss = estimator(Enumerated(2).train(), None).loss.item()
    assert loss == pytest.approx(-one.marginal().item() / QUERIES)


def test_marginal_says_how_many_choices_are_too_many() -> None:
    with pytest.raises(ValueError, match=r"3 queries over 4 positions are 64 choices, more than estimator.limit=63"):
        Marginal(limit=63)(Enumerated(1).train(), None)


def test_variance_is_ordered_as_theory_says() -> None:
    """A reward that the choice cannot change, a constant in it, and fewer samples: each leaves more to chance."""
    bare = spread(unbiased(baseline="none"))
    to_go = spread(unbiased(baseline="none", reward="to_go"))
    averaged = spread(unbiased(baseline="moving_average"))
    averaged_to_go = spread(unbiased(baseline="moving_average", reward="to_go"))
    assert averaged_to_go < min(averaged, to_go)
    assert max(averaged, to_go) < bare
    four, left_out = spread(unbiased(baseline="none", samples=4)), spread(unbiased(baseline="leave_one_out", samples=4))
    assert four == pytest.approx(bare / 4, rel=0.05)
    assert left_out < four
    assert spread(unbiased(baseline="leave_one_out", samples=8)) < left_out / 1.8


def surrogate(output: Output, advantage: Tensor, log_prob: Tensor | None = None) -> Tensor:
    """What a faulty estimator minimises."""
    if log_prob is None:
        log_prob = output.alignments[0].log_prob
    assert log_prob is not None
    return (output.nll.sum() - (advantage * log_prob.sum(dim=-1)).sum()) / output.symbols.sum()


def right(output: Output) -> Tensor:
    return surrogate(output, -output.nll.detach() - BASELINE)


def reward_of_wrong_sign(output: Output) -> Tensor:
    return surrogate(output, output.nll.detach() + BASELINE)


def advantage_not_detached(output: Output) -> Tensor:
    return surrogate(output, -output.nll - BASELINE)


def baseline_not_detached(output: Output) -> Tensor:
    return surrogate(output, -output.nll.detach() + output.nll.mean())


def reward_left_out(output: Output) -> Tensor:
    return surrogate(output, torch.zeros_like(output.nll))


def first_query_alone_is_rewarded(output: Output) -> Tensor:
    assert output.alignments[0].log_prob is not None
    return surrogate(output, -output.nll.detach() - BASELINE, output.alignments[0].log_prob[:, :1])


def reward_of_another_example(output: Output) -> Tensor:
    return surrogate(output, -output.nll.detach().roll(1) - BASELINE)


def baseline_knows_the_draw(output: Output) -> Tensor:
    """Half of the reward itself: a baseline that depends on the draw that it judges."""
    return surrogate(output, -output.nll.detach() / 2)


def reward_of_what_was_said_before(output: Output) -> Tensor:
    assert output.steps is not None
    assert output.alignments[0].log_prob is not None
    before = -output.steps.detach().cumsum(dim=-1)
    score = (before * output.alignments[0].log_prob).sum()
    return (output.nll.sum() - score) / output.symbols.sum()


FAULTY: Sequence[Callable[[Output], Tensor]] = (
    reward_of_wrong_sign,
    advantage_not_detached,
    baseline_not_detached,
    reward_left_out,
    first_query_alone_is_rewarded,
    reward_of_another_example,
    baseline_knows_the_draw,
    reward_of_what_was_said_before,
)


def test_check_accepts_the_estimator_written_out() -> None:
    assert standard_errors_off(lambda model: right(model(None))) < ERRORS


@pytest.mark.parametrize("faulty", FAULTY)
def test_check_rejects(faulty: Callable[[Output], Tensor]) -> None:
    assert standard_errors_off(lambda model: faulty(model(None))) > 2 * ERRORS


def hard(scores: Tensor) -> Alignment:
    alignment: Alignment = Hard().train()(scores)
    return alignment


def log_prob_of_another_position(scores: Tensor) -> Alignment:
    alignment = hard(scores)
    return alignment._replace(log_prob=hard(scores).log_prob)


def mask_ignored(scores: Tensor) -> Alignment:
    return hard(scores.masked_fill(scores == -torch.inf, 0.0))


def draws_too_flat(scores: Tensor) -> Alignment:
    alignment = hard(scores / 1.2)
    log_probs = torch.log_softmax(scores, dim=-1)
    return alignment._replace(log_prob=log_probs.gather(-1, alignment.weights.argmax(-1, keepdim=True)).squeeze(-1))


def likeliest_instead_of_drawn(scores: Tensor) -> Alignment:
    log_probs = torch.log_softmax(scores, dim=-1)
    chosen = log_probs.argmax(dim=-1, keepdim=True)
    weights = torch.zeros_like(scores).scatter_(-1, chosen, 1.0)
    return Alignment(weights, log_probs.gather(-1, chosen).squeeze(-1), torch.zeros_like(scores[..., 0]))


@pytest.mark.parametrize(
    "faulty", [log_prob_of_another_position, mask_ignored, draws_too_flat, likeliest_instead_of_drawn]
)
def test_check_rejects_a_selection_with(faulty: Draw) -> None:
    assert standard_errors_off(unbiased(), draw=faulty) > 2 * ERRORS


def test_check_rejects_an_entropy_of_wrong_sign() -> None:
    assert standard_errors_off(unbiased(entropy_weight=-0.7), entropy_weight=0.7) > 2 * ERRORS
