"""Exact likelihood of a model with hard attention, by trying every choice."""

import itertools
import math
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from attnbench.attention import Alignment, Attention
from attnbench.attention.selection.hard import Hard, choosing
from attnbench.tasks.base import Model, Output
from attnbench.tasks.estimators.estimator import Estimate, Estimator
from attnbench.tasks.estimators.likelihood import nats_a_symbol
from attnbench.tasks.estimators.places import places


class Marginal(Estimator):
    """log p(y) = log Σ_s p(s) p(y|s) over every choice s of all queries: what REINFORCE bounds from below (Xu et al. 2015,
    eq. 10), without its variance.

    It takes as many passes as there are choices, memory^queries: for one query, or tiny memories. More than `limit` choices
    are refused. The model's penalty is the one expected of p(s). With dropout, which differs between passes, it is an estimate.
    """

    def __init__(self, *, limit: int = 256, label_smoothing: float = 0.0) -> None:
        super().__init__()
        if label_smoothing:
            raise ValueError(
                f"label_smoothing={label_smoothing}: estimator=marginal is a likelihood and no more; must be 0"
            )
        if limit < 1:
            raise ValueError(f"limit={limit}: must be at least 1, the most choices to try")
        self.limit = limit

    def meet(self, model: Model) -> None:
        """Raises ValueError for heads that draw: one query then has as many choices as heads, and they are not told apart."""
        for place in places(model):
            inner = [part for part in place.modules() if isinstance(part, Attention) and part is not place]
            if any(isinstance(part, Hard) for head in inner for part in head.modules()):
                raise ValueError(
                    f"estimator=marginal cannot go with {type(place).__name__}, whose heads each make a choice; "
                    "use estimator=reinforce"
                )

    def forward(self, model: Model, batch: Any, progress: float = 0.0) -> Estimate:
        """The loss over all choices; a single pass where nothing is drawn."""
        output: Output = model(batch)
        drawn = [alignment for alignment in output.alignments if alignment.log_prob is not None]
        if not drawn:
            return Estimate(nats_a_symbol(output), output)
        memory = [alignment.weights.shape[-1] for alignment in drawn for _ in range(alignment.weights.shape[1])]
        if math.prod(memory) > self.limit:
            raise ValueError(
                f"estimator=marginal: {len(memory)} queries over {max(memory)} positions are "
                f"{float(math.prod(memory)):.3g} choices, more than estimator.limit={self.limit}; use estimator=reinforce"
            )
        passes = [self.forced(model, batch, choice) for choice in itertools.product(*map(range, memory))]
        # A query that does not count has p = 1 whatever it is told: each choice of the others was met once for each of its own.
        repeats = torch.stack([idle(alignment) * math.log(alignment.weights.shape[-1]) for alignment in drawn]).sum(
            dim=0
        )
        priors = torch.stack([log_prior(one) for one in passes]) - repeats
        nll = -torch.logsumexp(priors - torch.stack([one.nll for one in passes]), dim=0)
        exact = output._replace(nll=nll.to(output.nll.dtype), steps=None)
        if output.penalty is not None:
            penalties = torch.stack([one.penalty for one in passes if one.penalty is not None])
            exact = exact._replace(penalty=(priors.exp() * penalties).sum(dim=0).to(output.nll.dtype))
        return Estimate(nats_a_symbol(exact), exact)

    @staticmethod
    def forced(model: Model, batch: Any, choice: tuple[int, ...]) -> Output:
        """The pass in which the queries look where they are told."""
        with choosing(model, iter(choice)):
            output: Output = model(batch)
        return output


def idle(alignment: Alignment) -> Int[Tensor, " batch"]:
    """How many of each example's queries do not count."""
    return (alignment.weights.sum(dim=-1) == 0).sum(dim=-1)


def log_prior(output: Output) -> Float[Tensor, " batch"]:
    """log p(s) of each example's choices."""
    drawn = [alignment.log_prob for alignment in output.alignments if alignment.log_prob is not None]
    return torch.stack([log_prob.double().sum(dim=-1) for log_prob in drawn]).sum(dim=0)
