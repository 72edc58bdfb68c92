"""The Stanford Attentive Reader: the answer straight from what the question looked at."""

from torch import nn

from attnbench.attention import AttentionFactory
from attnbench.tasks.reading.model import Cloze, EncodingReader, Read, log_softmax
from attnbench.tasks.sequence.text import Vocabulary


class StanfordReader(EncodingReader):
    """q = [→y_q(last); ←y_q(1)]; o = attend(q, y_d); p(a) = softmax_a(W_a o). Chen et al. 2016, §3.2.

    The paper's attention is bilinear (`attention=stanford_reader`): α_i = softmax_i(q W_s p_i). The question reaches the
    answer through it alone.
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
        self.entity = nn.Linear(2 * hidden_dim, len(entities), bias=False)

    def read(self, batch: Cloze) -> Read:
        """One look with the whole question."""
        document, mask, _, question = self.encode(batch)
        memory = self.attention.prepare(document, document, mask)
        context, alignment, _ = self.attention(question.unsqueeze(1), memory)
        return Read(log_softmax(self.entity(self.dropout(context.squeeze(1)))), [alignment])
