"""The Impatient Reader: the document is looked at anew with every word of the question."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from attnbench.attention import Alignment, AttentionFactory
from attnbench.tasks.reading.model import Cloze, Encoded, EncodingReader, Read, log_softmax
from attnbench.tasks.sequence.text import Vocabulary


class ImpatientReader(EncodingReader):
    """r(i) = attend([y_q(i); r(i-1)], y_d) + tanh(W_rr r(i-1)), r(0) = 0; g = tanh(W_r r(|q|) + W_u u); p(a) = softmax_a(e_a g).

    Hermann et al. 2015, §3.3, u = [→y_q(last); ←y_q(1)]. The query is the word's state beside what was gathered before it, so
    that the additive score is the paper's vᵀ tanh(W_dm y_d(t) + W_rm r(i-1) + W_qm y_q(i)); a plain dot gets a projection. Words
    are asked one after the other. What a word leaves behind for the backward pass grows with the document, but not with
    document × hidden: additive scores come by the lean kernel wherever that would be 4 MiB or more.
    """

    def __init__(
        self,
        words: Vocabulary,
        entities: Vocabulary,
        attention: AttentionFactory,
        *,
        embedding_dim: int,
        hidden_dim: int,
        dropout: float,
    ) -> None:
        super().__init__(words, entities, embedding_dim=embedding_dim, hidden_dim=hidden_dim, dropout=dropout)
        self.attention = attention(4 * hidden_dim, 2 * hidden_dim)
        self.again = nn.Linear(2 * hidden_dim, 2 * hidden_dim, bias=False)
        self.from_document = nn.Linear(2 * hidden_dim, 2 * hidden_dim)
        self.from_question = nn.Linear(2 * hidden_dim, 2 * hidden_dim, bias=False)
        self.entity = nn.Linear(2 * hidden_dim, len(entities), bias=False)

    def read(self, batch: Cloze) -> Read:
        """A look a question word."""
        encoded = self.encode(batch)
        gathered, alignment = self.gather(encoded, batch.question)
        joint = torch.tanh(self.from_document(gathered) + self.from_question(encoded.question))
        return Read(log_softmax(self.entity(self.dropout(joint))), [alignment])

    def gather(
        self, encoded: Encoded, question: Int[Tensor, "batch length"]
    ) -> tuple[Float[Tensor, "batch state"], Alignment]:
        """r after each question's last word, and where all its words looked; padding asks nothing."""
        memory = self.attention.prepare(encoded.document, encoded.document, encoded.mask)
        counted = question != Vocabulary.pad
        gathered = torch.zeros_like(encoded.question)
        looks: list[Alignment] = []
        for word, counts in zip(self.dropout(encoded.asked).unbind(dim=1), counted.unbind(dim=1), strict=True):
            query = torch.cat([word, gathered], dim=-1)
            context, alignment, past = self.attention(query.unsqueeze(1), memory)
            after = context.squeeze(1) + torch.tanh(self.again(gathered))
            gathered = torch.where(counts.unsqueeze(1), after, gathered)
            memory = memory._replace(past=past)
            looks.append(alignment)
        return gathered, Alignment.join(looks).keep(counted)
