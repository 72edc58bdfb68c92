"""Hard attention."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, get_args

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from attnbench.attention.core import Alignment, Score, Selection
from attnbench.attention.selection.refusal import refuse_no_score

Choice = Literal["drawn", "likeliest", "expected"] | Iterator[int]
Evaluation = Literal["likeliest", "expected"]


class Hard(Selection):
    """s ~ Categorical(softmax(e)), α = onehot(s). Xu et al. 2015, §4.1, eq. 8-9.

    At `evaluation` s = argmax e (`likeliest`); or α = softmax(e), the context that is `expected` of a draw, by which the code of
    Show, Attend and Tell writes its captions unless it is told to draw.

    The draw passes no gradient; the returned log-probability of the draw and the entropy of the distribution (nats) do, and
    an estimator trains the scores with them (REINFORCE, `attnbench.tasks.estimators`).
    """

    def __init__(self, *, evaluation: Evaluation = "likeliest") -> None:
        if evaluation not in get_args(Evaluation):
            raise ValueError(f"evaluation={evaluation}: must be one of {', '.join(get_args(Evaluation))}")
        super().__init__()
        self.evaluation: Evaluation = evaluation
        self.choice: Choice = "drawn"

    def forward(self, scores: Float[Tensor, "batch query memory"]) -> Alignment:
        """One-hot weights: a draw in training, the likeliest position otherwise; `choosing` and `evaluation` ask for others."""
        log_probs = torch.log_softmax(scores.float() if scores.dtype != torch.float64 else scores, dim=-1)
        # p log p is 0 at p = 0; written so that its gradient is 0 there too instead of 0 · inf.
        entropy = -(log_probs.exp() * log_probs.masked_fill(log_probs == -torch.inf, 0.0)).sum(dim=-1)
        if (self.choice if self.training else self.evaluation) == "expected":
            return Alignment(log_probs.exp().to(scores.dtype), None, entropy)
        chosen = self.chosen(log_probs)
        weights = torch.zeros_like(scores).scatter_(-1, chosen.unsqueeze(-1), 1.0)
        told = self.training and self.choice != "likeliest"
        log_prob = log_probs.gather(-1, chosen.unsqueeze(-1)).squeeze(-1) if told else None
        return Alignment(weights, log_prob, entropy)

    def chosen(self, log_probs: Float[Tensor, "batch query memory"]) -> Int[Tensor, "batch query"]:
        """The position that each query looks at."""
        if not self.training or self.choice == "likeliest":
            return log_probs.argmax(dim=-1)
        if isinstance(self.choice, str):
            return self.draw(log_probs)
        told = [next(self.choice) for _ in range(log_probs.shape[1])]
        return torch.tensor(told, device=log_probs.device).expand(log_probs.shape[:2])

    @staticmethod
    def draw(log_probs: Float[Tensor, "batch query memory"]) -> Int[Tensor, "batch query"]:
        """One position a query, by the Gumbel-max trick; a position of probability 0 is never drawn."""
        gumbel = -torch.empty_like(log_probs).exponential_().log()
        # Noise that underflows to 0 makes gumbel infinite, and -inf + inf would be NaN, which argmax takes for the largest.
        return (log_probs.detach() + gumbel).masked_fill(log_probs == -torch.inf, -torch.inf).argmax(dim=-1)

    def check(self, score: Score) -> None:
        """Raises ValueError if the score is `none`: all positions tie, so that evaluation would always look at the first."""
        refuse_no_score("hard", score)


@contextmanager
def choosing(module: nn.Module, choice: Choice) -> Iterator[None]:
    """While it lasts, every hard selection in the module, if training, makes this choice instead of its own draw.

    `likeliest`: argmax, as in evaluation; `expected`: the distribution itself, soft attention; an iterator: the positions
    that it yields, one a query in the order in which they are asked, the same for all examples.
    """
    selections = [inner for inner in module.modules() if isinstance(inner, Hard)]
    before = [selection.choice for selection in selections]
    for selection in selections:
        selection.choice = choice
    try:
        yield
    finally:
        for selection, was in zip(selections, before, strict=True):
            selection.choice = was
