"""The Deep LSTM Reader: document and question as one long sequence, and no attention."""

from typing import Literal, get_args

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from attnbench.attention import Attention, AttentionFactory, Composed
from attnbench.attention.selection.uniform import Uniform
from attnbench.tasks.reading.model import Cloze, Read, Reader, log_softmax
from attnbench.tasks.sequence.both_ways import at_last
from attnbench.tasks.sequence.remembering import remembering
from attnbench.tasks.sequence.text import Vocabulary

Order = Literal["document_first", "question_first"]


class DeepLstmReader(Reader):
    """x'(t, k) = [x(t); y(t, k-1)]; y(t, k) = LSTM_k(x'(t, k)); g = [y(T, 1); ...; y(T, K)]; p(a) = softmax_a(e_a g).

    Hermann et al. 2015, §3.1, with plain LSTM cells (no peepholes, no projection): words reach every layer, and every layer
    the answer. T is the end of the sequence, in which a symbol of its own stands between document and question. There is
    no attention, so there is none to choose: of all mechanisms only the control, uniform, is accepted.
    """

    attends = False

    def __init__(
        self,
        words: Vocabulary,
        entities: Vocabulary,
        attention: AttentionFactory,
        *,
        layers: int,
        embedding_dim: int,
        hidden_dim: int,
        dropout: float,
        order: Order,
    ) -> None:
        refuse_attention(attention(2 * hidden_dim, 2 * hidden_dim))
        if layers < 1:
            raise ValueError(f"layers={layers}: must be at least 1")
        if order not in get_args(Order):
            raise ValueError(f"order={order}: must be one of {', '.join(get_args(Order))}")
        super().__init__(words, entities, embedding_dim, dropout)
        self.order = order
        sizes = [embedding_dim, *[embedding_dim + hidden_dim] * (layers - 1)]
        self.layers = remembering(nn.ModuleList(nn.LSTM(size, hidden_dim, batch_first=True) for size in sizes))
        self.entity = nn.Linear(layers * hidden_dim, len(entities), bias=False)

    def read(self, batch: Cloze) -> Read:
        """One pass over the whole."""
        parts = (batch.document, batch.question)
        sequence = spliced(*(parts if self.order == "document_first" else parts[::-1]))
        mask = sequence != Vocabulary.pad
        words = inward = self.embedded(sequence)
        last: list[Float[Tensor, "batch hidden"]] = []
        for layer in self.layers:
            states, _ = layer(inward)  # padding stands behind all that counts
            last.append(at_last(states, mask))
            inward = torch.cat([words, self.dropout(states)], dim=-1)
        return Read(log_softmax(self.entity(self.dropout(torch.cat(last, dim=-1)))), [])


def spliced(first: Int[Tensor, "batch first"], second: Int[Tensor, "batch second"]) -> Int[Tensor, "batch length"]:
    """Each row of the first, a delimiter, the row of the second; padding at the end alone."""
    delimiter = first.new_full((len(first), 1), Vocabulary.end)
    whole = torch.cat([first, delimiter, second], dim=1)
    order = torch.argsort((whole == Vocabulary.pad).long(), dim=1, stable=True)
    return whole.gather(1, order)


def refuse_attention(attention: Attention) -> None:
    """Raises ValueError for any attention but the control."""
    if not (isinstance(attention, Composed) and isinstance(attention.selection, Uniform)):
        raise ValueError("task/model=deep_lstm_reader has no attention that could be compared: give attention=uniform")
