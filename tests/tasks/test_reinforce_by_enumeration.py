"""The estimator against exact enumeration of all choices, and faulty ones that the same check must reject."""

import itertools
import math
from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor, nn

from attnbench.attention import Alignment
from attnbench.attention.selection.hard import Hard
from attnbench.tasks.base import Output
from attnbench.tasks.estimators import Reinforce

QUERIES, MEMORY = 3, 4
MASK = torch.tensor([[1, 1, 1, 0], [1, 0, 1, 1], [0, 1, 1, 1]], dtype=torch.bool)
DRAWS = 40_000
ERRORS = 4.0
BASELINE = -2.0

Estimate = Callable[[Output], Tensor]
Draw = Callable[[Tensor], Alignment]


class Problem(nn.Module):
    """p(y|s) = Π_q softmax(tanh(Σ_{r≤q} v_{r,s_r}) W)_{y_q}: each symbol depends on all choices up to it."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(11)
        self.scores = nn.Parameter(torch.randn(QUERIES, MEMORY, dtype=torch.float64))
        self.values = nn.Parameter(torch.randn(QUERIES, MEMORY, 2, dtype=torch.float64))
        self.output = nn.Parameter(torch.randn(2, 3, dtype=torch.float64))
        self.truth = torch.tensor([0, 2, 1])

    def nll(self, weights: Tensor) -> Tensor:
        hidden = torch.tanh((weights.unsqueeze(-1) * self.values).sum(dim=-2).cumsum(dim=-2))
        log_probs = torch.log_softmax(hidden @ self.output, dim=-1)
        return -log_probs.gather(-1, self.truth.expand(len(weights), -1).unsqueeze(-1)).sum(dim=(-2, -1))

    def masked(self) -> Tensor:
        return self.scores.masked_fill(~MASK, -torch.inf)

    def exact(self, entropy_weight: float) -> list[Tensor]:
        """∂ (E_s[log p(y|s)] + λ_e Σ_q H_q), by summing over all choices."""
        log_probs = torch.log_softmax(self.masked(), dim=-1)
        goal = torch.zeros((), dtype=torch.float64)
        for choice in itertools.product(*(row.nonzero().flatten().tolist() for row in MASK)):
            weights = nn.functional.one_hot(torch.tensor(choice), MEMORY).double().unsqueeze(0)
            probability = torch.stack([log_probs[query, at] for query, at in enumerate(choice)]).sum().exp()
            goal = goal - probability * self.nll(weights).squeeze()
        for row, seen in zip(log_probs, MASK, strict=True):
            goal = goal - entropy_weight * (row[seen].exp() * row[seen]).sum()
        return list(torch.autograd.grad(goal, list(self.parameters())))

    def outputs(self, draw: Draw) -> tuple[Output, list[Tensor]]:
        """Many draws as one batch, each with parameters of its own so that each has its own gradient."""
        own = {name: p.detach().expand(DRAWS, *p.shape).clone().requires_grad_() for name, p in self.named_parameters()}
        scores = own["scores"].masked_fill(~MASK, -torch.inf)
        alignment = draw(scores)
        hidden = torch.tanh((alignment.weights.unsqueeze(-1) * own["values"]).sum(dim=-2).cumsum(dim=-2))
        log_probs = torch.log_softmax(hidden @ own["output"], dim=-1)
        nll = -log_probs.gather(-1, self.truth.expand(DRAWS, -1).unsqueeze(-1)).sum(dim=(-2, -1))
        return Output(nll, torch.full((DRAWS,), QUERIES), [alignment]), list(own.values())


def hard(scores: Tensor) -> Alignment:
    alignment: Alignment = Hard().train()(scores)
    return alignment


def standard_errors_off(estimate: Estimate, *, draw: Draw = hard, entropy_weight: float = 0.0) -> float:
    """By how many standard errors the estimator's mean gradient misses the enumerated one, in the worst coordinate."""
    problem = Problem()
    torch.manual_seed(12)
    output, leaves = problem.outputs(draw)
    # The loss is a mean a symbol over the batch; times all symbols, each row's gradient is one draw's estimate of -∂.
    (estimate(output) * output.symbols.sum()).backward()
    worst = 0.0
    for leaf, exact in zip(leaves, problem.exact(entropy_weight), strict=True):
        grad = torch.zeros_like(leaf) if leaf.grad is None else leaf.grad
        error = grad.std(dim=0) / math.sqrt(DRAWS)
        off = (-grad.mean(dim=0) - exact).abs() / (error + 1e-9)
        worst = max(worst, off.max().item())
    return worst


def unbiased(**options: float) -> Reinforce:
    """With the weights that make it unbiased, and a warmed baseline, held where it is."""
    estimator = Reinforce(reward="example", **{"reward_weight": 1.0, "entropy_weight": 0.0, **options})
    estimator.baseline.fill_(BASELINE)
    estimator.batches.fill_(1)
    return estimator.eval()


def test_enumeration_meets_differences() -> None:
    problem = Problem()

    def expected(scores: Tensor) -> float:
        probabilities = torch.softmax(scores.masked_fill(~MASK, -torch.inf), dim=-1)
        total = 0.0
        for choice in itertools.product(range(MEMORY), repeat=QUERIES):
            weights = nn.functional.one_hot(torch.tensor(choice), MEMORY).double().unsqueeze(0)
            total -= math.prod(probabilities[q, s].item() for q, s in enumerate(choice)) * problem.nll(weights).item()
        return total

    exact, step = problem.exact(0.0)[0], 1e-5
    for query, position in itertools.product(range(QUERIES), range(MEMORY)):
        nudge = torch.zeros_like(problem.scores)
        nudge[query, position] = step
        base = problem.scores.detach()
        difference = (expected(base + nudge) - expected(base - nudge)) / (2 * step)
        assert exact[query, position].item() == pytest.approx(difference, abs=1e-8)


def test_gradient_is_that_of_enumeration() -> None:
    assert standard_errors_off(unbiased()) < ERRORS


def test_gradient_is_that_of_enumeration_in_training_too() -> None:
    assert standard_errors_off(unbiased().train()) < ERRORS


def test_gradient_with_entropy_adds_that_of_entropy() -> None:
    assert standard_errors_off(unbiased(entropy_weight=0.7), entropy_weight=0.7) < ERRORS


def test_baseline_lowers_the_spread_and_moves_no_mean() -> None:
    spreads = []
    for baseline in (0.0, -3.5):
        estimator = unbiased()
        estimator.baseline.fill_(baseline)
        torch.manual_seed(12)
        output, leaves = Problem().outputs(hard)
        (estimator(output) * output.symbols.sum()).backward()
        assert leaves[0].grad is not None
        spreads.append(leaves[0].grad.var(dim=0).sum().item())
        assert standard_errors_off(estimator) < ERRORS
    assert spreads[1] < spreads[0]


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


FAULTY: Sequence[Estimate] = (
    reward_of_wrong_sign,
    advantage_not_detached,
    baseline_not_detached,
    reward_left_out,
    first_query_alone_is_rewarded,
    reward_of_another_example,
)


def test_check_accepts_the_estimator_written_out() -> None:
    assert standard_errors_off(right) < ERRORS


@pytest.mark.parametrize("faulty", FAULTY)
def test_check_rejects(faulty: Estimate) -> None:
    assert standard_errors_off(faulty) > 2 * ERRORS


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
