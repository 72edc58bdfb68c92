"""Likelihood, and the score function where positions were drawn."""

from typing import Any, Literal, NamedTuple, get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn

from attnbench.attention.selection.hard import Hard, choosing
from attnbench.tasks.base import Model, Output
from attnbench.tasks.estimators.baselines import (
    Baseline,
    Drawn,
    Learned,
    LeaveOneOut,
    MovingAverage,
    NoBaseline,
    SelfCritical,
)
from attnbench.tasks.estimators.estimator import Estimate, Estimator
from attnbench.tasks.estimators.likelihood import check_smoothing, nats_a_symbol
from attnbench.tasks.estimators.places import listening, places
from attnbench.tasks.estimators.rewards import Reward, rewards

BaselineName = Literal["none", "moving_average", "self_critical", "leave_one_out", "learned"]


LEAST = 1e-9  # a weight below it counts as this much in a logarithm


class EntropyWeights(NamedTuple):
    """What a nat of entropy is worth, of places that draw and of those that do not."""

    hard: float
    soft: float


class Pass(NamedTuple):
    """One training pass, and the queries that each place of attention was asked, if somebody listened."""

    output: Output
    queries: list[Tensor]


class Reinforce(Estimator):
    """Likelihood, and the score function where positions were drawn (REINFORCE). Xu et al. 2015, §4.1, eq. 10-13.

    Gradient a batch: Σ_n mean_k [∂ log p(y|s) + λ_r Σ_t (R_t - b_t) ∂ log p(s_t) + λ_e ∂ H(s)] / Σ_n symbols_n over k =
    1..samples draws an example, with rewards R (`rewards`) held against a baseline b (`baselines`). An output in which
    nothing was drawn gets plain likelihood, and the entropy of its weights if `soft_entropy_weight` is not 0. Without it,
    attention that nothing has taught yet may settle on a few positions, whatever the question, and what it does not look at
    teaches it nothing (entropy that collapses and so stalls training, in Transformers: Zhai et al. 2023). That weight moves to
    0 as the share of expected contexts moves.

    A share of batches, by the toss of a coin, reads the expected context Σ α_i v_i instead of a drawn one, and scores get
    their gradient straight. The paper has a share of one half throughout (one coin a batch in its authors' code). Here it is
    `expected_first` for the first `expected_hold` of training and then moves evenly to `expected_last` at its end. So does λ_e,
    from `entropy_weight` to `entropy_last`, if that is given: below 0 it sharpens the distribution before it is drawn from alone.

    `label_smoothing` is that of the likelihood alone; rewards are log-likelihoods as they are.

    With λ_r = 1, λ_e = 0, no expected contexts and reward `example`, or `to_go` with discount 1, the gradient is the unbiased one
    of E_s[log p(y|s)]. The defaults are not: they are what trains on all of the embedded tasks (docs/hard-attention.md).
    """

    def __init__(
        self,
        *,
        reward: Reward = "to_go",
        discount: float = 0.0,
        reward_weight: float = 1.0,
        entropy_weight: float = 0.05,
        entropy_last: float | None = None,
        soft_entropy_weight: float = 0.0,
        baseline: BaselineName = "moving_average",
        baseline_decay: float = 0.9,
        samples: int = 1,
        expected_first: float = 1.0,
        expected_last: float = 0.0,
        expected_hold: float = 0.5,
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__()
        check_smoothing(label_smoothing)
        for name, value, choices in (("reward", reward, Reward), ("baseline", baseline, BaselineName)):
            if value not in get_args(choices):
                raise ValueError(f"{name}={value}: must be one of {', '.join(get_args(choices))}")
        lambdas = {"reward_weight": reward_weight, "entropy_weight": entropy_weight, "entropy_last": entropy_last}
        for name, number in {**lambdas, "soft_entropy_weight": soft_entropy_weight}.items():
            if not (isinstance(number, int | float) or (number is None and name == "entropy_last")):
                raise ValueError(f"{name}={number}: must be a number")
        shares = {"discount": discount, "expected_first": expected_first, "expected_last": expected_last}
        for name, share in {**shares, "expected_hold": expected_hold}.items():
            if not 0 <= share <= 1:
                raise ValueError(f"{name}={share}: must be from 0 to 1")
        least = 2 if baseline == "leave_one_out" else 1
        if samples < least:
            raise ValueError(f"samples={samples}: must be {least} or more with baseline={baseline}")
        self.reward: Reward = reward
        self.discount = discount
        self.reward_weight = reward_weight
        self.entropy_weight = entropy_weight
        self.entropy_last = entropy_weight if entropy_last is None else entropy_last
        self.soft_entropy_weight = soft_entropy_weight
        self.samples = samples
        self.expected_first, self.expected_last, self.expected_hold = expected_first, expected_last, expected_hold
        self.label_smoothing = label_smoothing
        self.kind: BaselineName = baseline
        self.decay = baseline_decay
        self.baselines = nn.ModuleList()
        MovingAverage(baseline_decay)  # refuses a wrong decay

    def baseline(self, query_dim: int = 0) -> Baseline:
        """A new baseline of the chosen kind."""
        if self.kind == "learned":
            return Learned(self.decay, query_dim)
        if self.kind == "moving_average":
            return MovingAverage(self.decay)
        if self.kind == "self_critical":
            return SelfCritical()
        return LeaveOneOut() if self.kind == "leave_one_out" else NoBaseline()

    def meet(self, model: Model) -> None:
        """A baseline for each place of attention that draws: none shares what it learns."""
        sizes = [place.query_dim if self.kind == "learned" else 0 for place in places(model)]
        self.baselines = nn.ModuleList(self.baseline(size) for size in sizes)

    def chosen(self) -> list[Baseline]:
        """The baselines, place by place."""
        return [baseline for baseline in self.baselines if isinstance(baseline, Baseline)]

    def forward(self, model: Model, batch: Any, progress: float = 0.0) -> Estimate:
        """The loss in nats a symbol; its gradient is the estimate above."""
        weights = EntropyWeights(
            self.moved(progress, self.entropy_weight, self.entropy_last),
            self.moved(progress, self.soft_entropy_weight, 0.0),
        )
        if self.expects(model, progress):
            with choosing(model, "expected"):
                return self.estimate(model, batch, [self.run(model, batch)], weights)
        first = self.run(model, batch)
        again = self.samples - 1 if any(a.log_prob is not None for a in first.output.alignments) else 0
        return self.estimate(model, batch, [first, *(self.run(model, batch) for _ in range(again))], weights)

    def moved(self, progress: float, first: float, last: float) -> float:
        """What is `first` for the first `expected_hold` of training, and `last` at its end."""
        return first + (last - first) * max(0.0, progress - self.expected_hold) / max(1.0 - self.expected_hold, 1e-9)

    def expects(self, model: Model, progress: float) -> bool:
        """Tosses the coin, if there is hard attention to toss it for."""
        share = self.moved(progress, self.expected_first, self.expected_last)
        if not self.training or share <= 0 or not any(isinstance(module, Hard) for module in model.modules()):
            return False
        return bool(torch.rand(()) < share)

    def run(self, model: Model, batch: Any) -> Pass:
        """One training pass."""
        with listening(model if self.kind == "learned" else None) as queries:
            output: Output = model(batch)
        return Pass(output, [torch.cat(asked, dim=1) for asked in queries])

    def estimate(self, model: Model, batch: Any, passes: list[Pass], weights: EntropyWeights) -> Estimate:
        """The loss from one pass or several draws of it."""
        output = passes[0].output
        loss = torch.stack([nats_a_symbol(one.output, self.label_smoothing) for one in passes]).mean()
        gain = loss.new_zeros(())
        for place in range(len(output.alignments)):
            aligned = [one.output.alignments[place] for one in passes]
            if aligned[0].entropy is not None:
                gain = gain + weights.hard * sum(a.entropy.sum() for a in aligned if a.entropy is not None)
            elif weights.soft:
                gain = gain + weights.soft * sum(soft_entropy(a.weights).sum() for a in aligned)
            if aligned[0].log_prob is not None:
                gain = gain + self.reward_weight * self.surrogate(model, batch, passes, place)
        loss = loss - gain / (len(passes) * output.symbols.sum())
        errors = [error for baseline in self.chosen() if (error := baseline.loss()) is not None]
        return Estimate(loss + sum(errors, loss.new_zeros(())), output)

    def surrogate(self, model: Model, batch: Any, passes: list[Pass], place: int) -> Float[Tensor, ""]:
        """Σ (R - b) log p(s), whose gradient is the score function's."""
        found = [rewards(one.output, one.output.alignments[place], self.reward, self.discount) for one in passes]
        log_prob = torch.stack([kept(one.output.alignments[place].log_prob) for one in passes])

        def greedy() -> Tensor:
            with torch.no_grad(), choosing(model, "likeliest"):
                output: Output = model(batch)
            return rewards(output, output.alignments[place], self.reward, self.discount).values

        values = torch.stack([each.values for each in found])
        queries = torch.stack([one.queries[place] for one in passes]) if passes[0].queries else None
        baseline = self.chosen()[place]
        advantage = values - baseline(Drawn(values, found[0].symbols, greedy, queries))
        return (advantage.detach() * log_prob).sum()


def soft_entropy(weights: Float[Tensor, "batch query memory"]) -> Float[Tensor, "batch query"]:
    """H(α) = -Σ_i α_i log α_i in nats, whose gradient is finite where a weight is exactly 0."""
    exact = weights.float() if weights.dtype != torch.float64 else weights
    return -(exact * exact.clamp(min=LEAST).log()).sum(dim=-1)


def kept(value: Tensor | None) -> Tensor:
    """The tensor, which is there where one sample's is."""
    assert value is not None
    return value
