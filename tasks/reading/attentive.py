"""The Attentive Reader: one question, one look at the document."""

import torch
from torch import nn

from attnbench.attention import AttentionFactory
from attnbench.tasks.reading.model import Cloze, EncodingReader, Read, log_softmax
from attnbench.tasks.sequence.text import Vocabulary


class AttentiveReader(EncodingReader):
    """u = [→y_q(last); ←y_q(1)]; r = attend(u, y_d); g = tanh(W_r r + W_u u); p(a) = softmax_a(e_a g).

    Hermann et al. 2015, §3.2, with answers from the document's entities alone as in Chen et al. 2016.
    Query and keys have one size, 2 hidden_dim, so that plain dot needs no projection.
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
        self.attention = attention(2 * hidden_dim, 2 * hidden_dim)
        self.from_document = nn.Linear(2 * hidden_dim, 2 * hidden_dim)
        self.from_question = nn.Linear(2 * hidden_dim, 2 * hidden_dim, bias=False)
        self.entity = nn.Linear(2 * hidden_dim, len(entities), bias=False)

    def read(self, batch: Cloze) -> Read:
        """One look with the whole question."""
        document, mask, _, question = self.encode(batch)
        memory = self.attention.prepare(document, document, mask)
        context, alignment, _ = self.attention(question.unsqueeze(1), memory)
        joint = torch.tanh(self.from_document(context.squeeze(1)) + self.from_question(question))
        return Read(log_softmax(self.entity(self.dropout(joint))), [alignment])
