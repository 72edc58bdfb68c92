"""Luong's decoder: stacked LSTM layers, and after each word a look from their new state."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from attnbench.attention import Alignment, AttentionFactory, Memory
from attnbench.tasks.sequence.asked import asked
from attnbench.tasks.sequence.stacked import Heard, StackedDecoder, State, ran
from attnbench.tasks.sequence.unrolled import Unrolled


class LuongDecoder(StackedDecoder):
    """h_t = LSTM(E y_{t-1}); c_t = attend(h_t); x_t = h̃_t = tanh(W_c [c_t; h_t]). Luong et al. 2015, eq. 5-6.

    With `input_feeding` the LSTM reads [E y_{t-1}; h̃_{t-1}], h̃_0 = 0 (§3.3), so that words must be read one by one. Without it
    one fused call reads them all, and all queries are asked at once. What is fed is h̃ before its dropout.
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
        input_feeding: bool,
        dropout: float,
    ) -> None:
        sizes = {"memory_dim": memory_dim, "embedding_dim": embedding_dim, "hidden_dim": hidden_dim}
        super().__init__(words, attention, layers=layers, top_dim=hidden_dim, dropout=dropout, **sizes)
        self.rnn: nn.LSTM | nn.ModuleList
        if input_feeding:
            inward = [embedding_dim + hidden_dim, *[hidden_dim] * (layers - 1)]
            self.rnn = nn.ModuleList(nn.LSTMCell(size, hidden_dim) for size in inward)
        else:
            between = dropout if layers > 1 else 0.0
            self.rnn = nn.LSTM(embedding_dim, hidden_dim, layers, dropout=between, batch_first=True)
        self.combine = nn.Linear(memory_dim + hidden_dim, hidden_dim, bias=False)

    def read(self, embedded: Float[Tensor, "rows length embedding"], state: State, memory: Memory) -> Heard:
        """A stretch of words after those that led to the state."""
        if not isinstance(self.rnn, nn.LSTM):
            return self.read_fed(embedded, state, memory)
        said, hidden, cell = ran(self.rnn, embedded, state.hidden, state.cell)
        attended = asked(self.attention, said, memory._replace(past=state.past))
        top = self.attentional(attended.context, said)
        return Heard(top, attended.alignment, State(hidden, cell, top[:, -1], attended.past))

    def attentional(
        self, context: Float[Tensor, "rows length value"], said: Float[Tensor, "rows length hidden"]
    ) -> Float[Tensor, "rows length hidden"]:
        """h̃ = tanh(W_c [c; h])."""
        return torch.tanh(self.combine(torch.cat([context, said], dim=-1)))

    def read_fed(self, embedded: Float[Tensor, "rows length embedding"], state: State, memory: Memory) -> Heard:
        """The same word by word, each step fed with what the one before came to."""
        hidden, cell = list(state.hidden.unbind(dim=1)), list(state.cell.unbind(dim=1))
        fed, past = state.fed, state.past
        bottom, *above = self.cells()
        unrolled = Unrolled(bottom, embedded.shape[2])
        tops: list[Tensor] = []
        alignments: list[Alignment] = []
        for word in unrolled.known(embedded).unbind(dim=1):
            hidden[0], cell[0] = unrolled(word, fed, hidden[0], cell[0])
            for number, layer in enumerate(above, start=1):
                hidden[number], cell[number] = layer(self.dropout(hidden[number - 1]), (hidden[number], cell[number]))
            said = hidden[-1].unsqueeze(1)
            attended = asked(self.attention, said, memory._replace(past=past))
            fed, past = self.attentional(attended.context, said).squeeze(1), attended.past
            tops.append(fed)
            alignments.append(attended.alignment)
        after = State(torch.stack(hidden, dim=1), torch.stack(cell, dim=1), fed, past)
        return Heard(torch.stack(tops, dim=1), Alignment.join(alignments), after)

    def cells(self) -> Sequence[nn.LSTMCell]:
        """The layers that are fed, from the words upwards."""
        assert isinstance(self.rnn, nn.ModuleList)
        return [cell for cell in self.rnn if isinstance(cell, nn.LSTMCell)]
