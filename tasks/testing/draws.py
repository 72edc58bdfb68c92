"""Laws of draws: from the distribution that log_prob and entropy tell of, in training alone."""

import math

import torch

from attnbench.attention import Alignment
from attnbench.tasks.testing.subject import EXACT, Inputs, Subject, attend, require, require_equal, require_near, seeded

DRAWS = 4000
ERRORS = 4.5  # standard errors that a mean may be off by
UNSEEN = 0.01  # probability that all choices not met in so many draws may have together


def drawn(subject: Subject, queries: int) -> Alignment:
    """One example's alignment, drawn many times: the batch repeats it, and equal queries stand side by side."""
    attention, inputs = subject.build(training=True), subject.inputs(batch=1, queries=1)
    inputs.mask[..., -1] = False
    query = inputs.query.expand(1, queries, -1)
    with seeded(3):
        many = (tensor.repeat(DRAWS, 1, 1) for tensor in (query, inputs.keys, inputs.values, inputs.mask))
        return attend(attention, Inputs(*many)).alignment


def require_mean(values: torch.Tensor, expected: float, message: str) -> None:
    """Raises AssertionError unless the values' mean lies within its standard error of what is expected."""
    mean, error = values.mean().item(), values.std().item() / math.sqrt(len(values))
    off = abs(mean - expected)
    require(
        off <= ERRORS * error + EXACT,
        f"{message} is {mean:.4f}, not {expected:.4f} ({off / (error or EXACT):.1f} errors off)",
    )


def evaluation_draws_nothing(subject: Subject) -> None:
    """In evaluation the same question has one answer and no log_prob."""
    attention, inputs = subject.build(), subject.inputs(batch=8)
    first = attend(attention, inputs)
    require(first.alignment.log_prob is None, "log_prob is returned in evaluation, where nothing may be drawn")
    require_equal(attend(attention, inputs), first, "two answers in evaluation")


def draws_follow_log_prob(subject: Subject) -> None:
    """Each choice is drawn as often as the exponential of its log_prob says; entropy is the mean of -log_prob."""
    alignment = drawn(subject, queries=1)
    if alignment.log_prob is None or alignment.entropy is None:
        # Noise whose gradient runs through the weights themselves needs no log_prob.
        if not alignment.weights.requires_grad:
            same = alignment.weights[:1].expand_as(alignment.weights)
            require_near(alignment.weights, same, "without log_prob or gradient, weights")
        return
    choices, which = torch.unique(alignment.weights.squeeze(1), dim=0, return_inverse=True)
    log_prob = alignment.log_prob.detach().squeeze(1)
    seen = 0.0
    for index, weights in enumerate(choices.tolist()):
        probability = log_prob[which == index].exp()
        require_near(probability, probability[:1].expand_as(probability), f"probability of the choice {weights}")
        require_mean((which == index).double(), probability[0].item(), f"the share of draws on {weights}")
        seen += probability[0].item()
    require(1 - UNSEEN <= seen <= 1 + EXACT, f"the probabilities of all choices drawn sum to {seen:.4f}")
    require_mean(-log_prob, alignment.entropy[0].item(), "the mean of -log_prob, which entropy should be,")


def queries_draw_independently(subject: Subject) -> None:
    """Two equal queries agree as often as two independent draws do: Σ_s p(s)²."""
    alignment = drawn(subject, queries=2)
    if alignment.log_prob is None or subject.reads_past:
        return  # a query that reads the past depends on the draw before, as it should
    agree = (alignment.weights[:, 0] == alignment.weights[:, 1]).all(dim=-1).double()
    choices, which = torch.unique(alignment.weights.flatten(0, 1), dim=0, return_inverse=True)
    log_prob = alignment.log_prob.detach().flatten()
    expected = sum(log_prob[which == index][0].exp().item() ** 2 for index in range(len(choices)))
    require_mean(agree, expected, "the share of equal queries that draw alike")
