"""GNMT's decoder: its first layer alone decides where to look, and the layers above read what was found."""

from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn

from attnbench.attention import AttentionFactory, Memory
from attnbench.tasks.sequence.asked import asked
from attnbench.tasks.sequence.stacked import Heard, StackedDecoder, State, ran

Asks = Literal["previous", "current"]
RESIDUAL_FROM = 2  # layers below it; the third has the first residual


class GnmtDecoder(StackedDecoder):
    """m¹_t = LSTM(E y_{t-1}); c_t = attend(m¹_{t-1}); mⁱ_t = LSTM([xⁱ⁻¹_t; c_t]) for i > 1. Wu et al. 2016, §3.

    `asks` says which output of the first layer asks: that of the `previous` word, as in the paper (m¹_0 is the state it starts
    from), or that of the `current` one, m¹_t, which is known as GNMT v2. The first layer does not read the context, so that
    each layer is one fused call over all words, and all queries are asked at once. xⁱ = mⁱ, and with `residual` xⁱ = mⁱ + xⁱ⁻¹
    from the third layer on (§3.1, eq. 6). The output reads x of the last layer, and with `context_out` c_t too.
    """

    def __init__(
        self,
        words: int,
        attention: AttentionFactory,
        *,
        layers: int,
        memory_dim: int,
        embedding_dim: int,
        hidden_dim: int,
        dropout: float,
        asks: Asks = "previous",
        residual: bool = True,
        context_out: bool = False,
    ) -> None:
        if layers < 2:
            raise ValueError(f"layers={layers}: must be at least 2, since those above the first read the context")
        if asks not in get_args(Asks):
            raise ValueError(f"asks={asks}: must be one of {', '.join(get_args(Asks))}")
        sizes = {"memory_dim": memory_dim, "embedding_dim": embedding_dim, "hidden_dim": hidden_dim}
        top = hidden_dim + memory_dim * context_out
        super().__init__(words, attention, layers=layers, top_dim=top, dropout=dropout, **sizes)
        self.previous, self.residual, self.context_out = asks == "previous", residual, context_out
        inward = [embedding_dim, *[hidden_dim + memory_dim] * (layers - 1)]
        self.rnn = nn.ModuleList(nn.LSTM(size, hidden_dim, batch_first=True) for size in inward)

    def read(self, embedded: Float[Tensor, "rows length embedding"], state: State, memory: Memory) -> Heard:
        """A stretch of words after those that led to the state."""
        bottom, *above = (layer for layer in self.rnn if isinstance(layer, nn.LSTM))
        between = list(zip(state.hidden.split(1, dim=1), state.cell.split(1, dim=1), strict=True))
        current, *last = ran(bottom, embedded, *between[0])
        query = torch.cat([state.hidden[:, :1], current[:, :-1]], dim=1) if self.previous else current
        attended = asked(self.attention, query, memory._replace(past=state.past))
        context = self.dropout(attended.context)
        after = [last]
        for number, layer in enumerate(above, start=1):
            said, *last = ran(layer, torch.cat([self.dropout(current), context], dim=-1), *between[number])
            current = said + current if self.residual and number >= RESIDUAL_FROM else said
            after.append(last)
        hidden, cell = (torch.cat(parts, dim=1) for parts in zip(*after, strict=True))
        top = torch.cat([current, attended.context], dim=-1) if self.context_out else current
        return Heard(top, attended.alignment, State(hidden, cell, state.fed, attended.past))
