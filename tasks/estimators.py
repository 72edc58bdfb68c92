"""How a model's output becomes a loss whose gradient trains it, through hard choices too."""

from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn

from attnbench.tasks.base import Output

Reward = Literal["example", "symbol"]


class Likelihood(nn.Module):
    """Σ nll / Σ symbols (+ mean penalty): maximum likelihood. Scores behind a hard choice get no gradient from it."""

    def forward(self, output: Output) -> Float[Tensor, ""]:
        """The loss in nats a symbol."""
        loss = output.nll.sum() / output.symbols.sum()
        return loss if output.penalty is None else loss + output.penalty.mean()


class Reinforce(nn.Module):
    """Likelihood, and the score function where positions were drawn (REINFORCE). Xu et al. 2015, §4.1, eq. 11-13.

    Gradient a batch: Σ_n [∂ log p(y|s) + λ_r (R_n - b) ∂ log p(s) + λ_e ∂ H(s)] / Σ_n symbols_n, with R_n the example's
    log-likelihood in nats (`reward=example`) or that a symbol (`reward=symbol`), and b the moving average 0.9 b + 0.1 mean R
    of earlier batches (the first batch is held against its own mean). With `reward=example`, λ_r = 1 and λ_e = 0 it is the
    unbiased gradient of E_s[log p(y|s)]. An output in which nothing was drawn gets plain likelihood.
    The paper leaves λ_r and λ_e to cross-validation; the defaults here are those of its authors' published code.
    """

    baseline: Tensor
    batches: Tensor

    def __init__(
        self,
        *,
        reward: Reward = "symbol",
        reward_weight: float = 0.1,
        entropy_weight: float = 0.002,
        baseline_decay: float = 0.9,
    ) -> None:
        super().__init__()
        if reward not in get_args(Reward):
            raise ValueError(f"reward={reward}: must be one of {', '.join(get_args(Reward))}")
        if not 0 <= baseline_decay < 1:
            raise ValueError(f"baseline_decay={baseline_decay}: must be at least 0 and below 1")
        self.reward: Reward = reward
        self.reward_weight = reward_weight
        self.entropy_weight = entropy_weight
        self.baseline_decay = baseline_decay
        self.likelihood = Likelihood()
        self.register_buffer("baseline", torch.zeros(()))
        self.register_buffer("batches", torch.zeros((), dtype=torch.long))

    def forward(self, output: Output) -> Float[Tensor, ""]:
        """The loss in nats a symbol; in training its gradient is the estimate above."""
        loss = self.likelihood(output)
        drawn = [alignment for alignment in output.alignments if alignment.log_prob is not None]
        if not drawn:
            return loss
        reward = -output.nll.detach().float()
        if self.reward == "symbol":
            reward = reward / output.symbols
        advantage = reward - self.expected(reward)
        surrogate = sum((advantage * a.log_prob.sum(dim=-1)).sum() for a in drawn if a.log_prob is not None)
        entropy = sum(a.entropy.sum() for a in drawn if a.entropy is not None)
        return loss - (self.reward_weight * surrogate + self.entropy_weight * entropy) / output.symbols.sum()

    def expected(self, reward: Float[Tensor, " batch"]) -> Tensor:
        """The baseline for this batch, from those before it; then lets this batch into it."""
        mean = reward.mean()
        baseline = torch.where(self.batches == 0, mean, self.baseline)
        if self.training:
            self.baseline.copy_(self.baseline_decay * baseline + (1 - self.baseline_decay) * mean)
            self.batches += 1
        return baseline
