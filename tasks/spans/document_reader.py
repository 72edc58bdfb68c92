"""The document reader of DrQA (Chen et al. 2017, §3.2)."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from attnbench.attention import AttentionFactory
from attnbench.tasks.spans.batch import Question
from attnbench.tasks.spans.encoder import StackedLstm, WordVectors
from attnbench.tasks.spans.lexicon import Lexicon
from attnbench.tasks.spans.marks import ASKED, MARKS
from attnbench.tasks.spans.reader import Pointed, SpanReader, accepted, averaged, shares


class DocumentReader(SpanReader):
    """p̃_i = [E(p_i); f_align(p_i); marks], p = LSTMs(p̃); start ∝ exp(p_i W_s q), end ∝ exp(p_i W_e q).

    f_align(p_i) = Σ_j a_ij E(q_j) is the place of attention: what is asked is α(E(p_i)), keys are α(E(q_j)), α one dense layer
    with a ReLU for both; with plain dot and softmax it is the paper's. q = Σ_j b_j q_j, b_j ∝ exp(w q_j), of LSTMs over the
    question. `marks` are what `marks.py` tells; there are no parts of speech and named entities.
    """

    def __init__(
        self,
        lexicon: Lexicon,
        attention: AttentionFactory,
        *,
        embedding_dim: int,
        form_dim: int,
        hidden_dim: int,
        layers: int,
        dropout: float,
        word_dropout: float,
        longest_answer: int,
    ) -> None:
        super().__init__(longest_answer)
        self.embedding = WordVectors(
            lexicon, embedding_dim=embedding_dim, form_dim=form_dim, dropout=dropout, word_dropout=word_dropout
        )
        size = self.embedding.size
        self.dense = nn.Linear(size, hidden_dim)
        self.attention = accepted(attention(hidden_dim, hidden_dim))
        self.document = StackedLstm(2 * size + MARKS, hidden_dim, layers, dropout)
        self.question = StackedLstm(size + ASKED, hidden_dim, layers, dropout)
        self.weigh = nn.Linear(self.question.size, 1, bias=False)
        self.start = nn.Linear(self.question.size, self.document.size, bias=False)
        self.end = nn.Linear(self.question.size, self.document.size, bias=False)

    def point(self, batch: Question) -> Pointed:
        """The scores."""
        hidden = self.embedding.hidden(len(batch.ids), batch.first.device)
        words, asked = self.embedding(batch.document, hidden), self.embedding(batch.question, hidden)
        memory = self.attention.prepare(torch.relu(self.dense(asked)), asked, batch.question.mask.unsqueeze(1))
        aligned, alignment, _ = self.attention(torch.relu(self.dense(words)), memory)
        told = torch.cat([words, aligned, batch.document.marks.to(words.dtype)], dim=-1)
        states = self.document(told, batch.document.mask, batch.windows)
        question = self.summary(torch.cat([asked, batch.question.marks.to(asked.dtype)], dim=-1), batch)
        start, end = (torch.bmm(states, of(question).unsqueeze(2)).squeeze(2) for of in (self.start, self.end))
        return Pointed(start, end, alignment)

    def summary(self, asked: Float[Tensor, "batch length asked"], batch: Question) -> Float[Tensor, "batch size"]:
        """q: the question in one vector."""
        states = self.question(asked, batch.question.mask, None)
        return averaged(shares(self.weigh(states).squeeze(2), batch.question.mask), states)
