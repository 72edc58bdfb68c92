"""What each drawn position is rewarded with: the log-likelihood of what came of it."""

from typing import Literal, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from attnbench.attention import Alignment
from attnbench.tasks.base import Output

Reward = Literal["example", "symbol", "to_go"]


class Rewards(NamedTuple):
    """Each query's reward in nats (nats a symbol for `symbol`), and how many symbols it speaks of; without gradient."""

    values: Float[Tensor, "batch query"]
    symbols: Int[Tensor, "batch query"]


def rewards(output: Output, alignment: Alignment, reward: Reward, discount: float) -> Rewards:
    """The rewards of an alignment's queries.

    `example`: log p(y|s), the same for all queries; `symbol`: that over the number of symbols; `to_go`: what follows the
    query alone, R_t = Σ_{u≥t} γ^{u-t} log p(y_u|·), because no choice changes what was said before it. A discount γ < 1
    trades variance for bias: γ = 0 rewards a choice with the very next symbol alone. Where a model does not say what each
    query's symbol cost (`Output.steps`), or its queries are not its symbols, `to_go` is `example`.
    """
    shape = alignment.weights.shape[:2]
    if reward == "to_go" and output.steps is not None and output.steps.shape == shape:
        return to_go(output.steps.detach().float(), output.symbols, discount)
    symbols = output.symbols.unsqueeze(1).expand(shape)
    values = -output.nll.detach().float().unsqueeze(1).expand(shape)
    if reward == "symbol":
        return Rewards(values / symbols, torch.ones_like(symbols))
    return Rewards(values, symbols)


def to_go(steps: Float[Tensor, "batch query"], symbols: Int[Tensor, " batch"], discount: float) -> Rewards:
    """R_t = -Σ_{u≥t} γ^{u-t} nll_u, and the number of symbols from t on."""
    running = torch.zeros_like(steps[:, 0])
    values: list[Tensor] = []
    for step in reversed(steps.unbind(dim=1)):
        running = discount * running - step
        values.append(running)
    order = torch.arange(steps.shape[1], device=steps.device)
    left = (symbols.unsqueeze(1) - order).clamp(min=0)
    return Rewards(torch.stack(values[::-1], dim=1), left)
