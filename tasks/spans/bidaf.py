"""Bidirectional attention flow (Seo et al. 2017)."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from attnbench.attention import AttentionFactory
from attnbench.tasks.spans.batch import Question
from attnbench.tasks.spans.encoder import StackedLstm, WordVectors
from attnbench.tasks.spans.lexicon import Lexicon
from attnbench.tasks.spans.reader import Pointed, SpanReader, accepted, averaged, shares

HIGHWAYS = 2


class Highway(nn.Module):
    """y = g ∘ relu(W x) + (1 - g) ∘ x, g = σ(W_g x). Srivastava et al. 2015, eq. 3."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.plain, self.gate = nn.Linear(size, size), nn.Linear(size, size)

    def forward(self, texts: Float[Tensor, "batch length size"]) -> Float[Tensor, "batch length size"]:
        """The texts, partly as they were."""
        gate = torch.sigmoid(self.gate(texts))
        return gate * torch.relu(self.plain(texts)) + (1 - gate) * texts


class Bidaf(SpanReader):
    """G_i = [h_i; ũ_i; h_i ∘ ũ_i; h_i ∘ h̃], M = LSTMs(G); start ∝ exp(w [G; M]), end ∝ exp(w' [G; LSTM(M)]). §2.

    h and u are states of one LSTM over document and question. Context to query, ũ_i = Σ_j a_ij u_j, is the place of attention:
    h_i asks, the u_j are keys and values. Query to context, h̃ = Σ_i b_i h_i with b_i ∝ exp(max_j S_ij), stays the paper's for
    every mechanism, by a similarity of its own, S_ij = w_s [h_i; u_j; h_i ∘ u_j] (eq. 1): not every mechanism has scores to take
    the largest of. Words have hashed forms in place of a CNN over characters.
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
        self.highways = nn.Sequential(*(Highway(self.embedding.size) for _ in range(HIGHWAYS)))
        self.contextual = StackedLstm(self.embedding.size, hidden_dim, 1, dropout)
        size = self.contextual.size
        self.attention = accepted(attention(size, size))
        self.of_document, self.of_question = (nn.Linear(size, 1, bias=False) for _ in range(2))
        self.of_both = nn.Parameter(torch.empty(size).uniform_(-(size**-0.5), size**-0.5))
        self.modelling = StackedLstm(4 * size, hidden_dim, layers, dropout, top_alone=True)
        self.after = StackedLstm(size, hidden_dim, 1, dropout)
        self.start, self.end = (nn.Linear(5 * size, 1, bias=False) for _ in range(2))

    def point(self, batch: Question) -> Pointed:
        """The scores."""
        mask, asked, windows = batch.document.mask, batch.question.mask, batch.windows
        hidden = self.embedding.hidden(len(batch.ids), mask.device)
        words, question = (self.highways(self.embedding(texts, hidden)) for texts in (batch.document, batch.question))
        states, keys = self.contextual(words, mask, windows), self.contextual(question, asked, None)
        found, alignment, _ = self.attention(states, self.attention.prepare(keys, keys, asked.unsqueeze(1)))
        whole = averaged(shares(self.closeness(states, keys, batch), mask), states).unsqueeze(1)
        flow = torch.cat([states, found, states * found, states * whole], dim=-1)
        first = self.modelling(flow, mask, windows)
        second = self.after(first, mask, windows)
        start, end = self.start(torch.cat([flow, first], dim=-1)), self.end(torch.cat([flow, second], dim=-1))
        return Pointed(start.squeeze(2), end.squeeze(2), alignment)

    def closeness(
        self,
        states: Float[Tensor, "batch memory size"],
        keys: Float[Tensor, "batch length size"],
        batch: Question,
    ) -> Float[Tensor, "batch memory"]:
        """max_j S_ij."""
        both = torch.bmm(states * self.of_both.to(states.dtype), keys.transpose(1, 2))
        similarity = self.of_document(states) + self.of_question(keys).transpose(1, 2) + both
        return similarity.masked_fill(~batch.question.mask.unsqueeze(1), -torch.inf).amax(dim=2)
