"""The Attentive Reader: one question, one look at the document."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from attnbench.attention import Alignment, AttentionFactory
from attnbench.tasks.base import Model, Output, Prediction
from attnbench.tasks.sequence.text import Vocabulary


class Cloze(NamedTuple):
    """A batch of documents with a question each; `about` is empty where nothing is known of the questions."""

    document: Int[Tensor, "batch memory"]
    question: Int[Tensor, "batch length"]
    candidates: Bool[Tensor, "batch entities"]
    answer: Int[Tensor, " batch"]  # its number among the entities
    gold: Bool[Tensor, "batch 1 memory"] | None
    document_words: list[list[str]]
    question_words: list[list[str]]
    answers: list[str]
    about: list[str]


class Encoder(nn.Module):
    """Bidirectional GRU over padded words: every word's state, and the two directions' last states."""

    def __init__(self, embedding_dim: int, hidden_dim: int) -> None:
        super().__init__()
        self.recurrence = nn.GRU(embedding_dim, hidden_dim, bidirectional=True, batch_first=True)

    def forward(
        self, embedded: Float[Tensor, "batch length embedding"], mask: Bool[Tensor, "batch length"]
    ) -> tuple[Float[Tensor, "batch length state"], Float[Tensor, "batch state"]]:
        """[→y(t); ←y(t)] of each word, and [→y(last); ←y(1)]."""
        packed = pack_padded_sequence(embedded, mask.sum(dim=1).cpu(), batch_first=True, enforce_sorted=False)
        states, last = self.recurrence(packed)
        states, _ = pad_packed_sequence(states, batch_first=True, total_length=embedded.shape[1])
        return states, torch.cat([last[0], last[1]], dim=-1)


class AttentiveReader(Model):
    """u = [→y_q(last); ←y_q(1)]; r = attend(u, y_d); g = tanh(W_r r + W_u u); p(a) = softmax_a(e_a g).

    Hermann et al. 2015, §3.2, with GRUs, and with answers from the document's entities alone as in Chen et al. 2016. Trained
    to maximise log p(a) = log p(a | document's entities) + log p(document's entities): the first term is the output's nll,
    the second its penalty. While attention is flat, all entities of a document are alike to the first; the second teaches the
    model to carry names from the document to the answer, and only then does it pay to attend.
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
        super().__init__()
        self.entities = entities
        self.embedding = nn.Embedding(len(words), embedding_dim, padding_idx=Vocabulary.pad)
        self.document = Encoder(embedding_dim, hidden_dim)
        self.question = Encoder(embedding_dim, hidden_dim)
        self.attention = attention(2 * hidden_dim, 2 * hidden_dim)
        self.from_document = nn.Linear(2 * hidden_dim, 2 * hidden_dim)
        self.from_question = nn.Linear(2 * hidden_dim, 2 * hidden_dim, bias=False)
        self.entity = nn.Linear(2 * hidden_dim, len(entities), bias=False)
        self.dropout = nn.Dropout(dropout)

    def read(self, batch: Cloze) -> tuple[Float[Tensor, "batch entities"], Alignment]:
        """log p(a) of all entities, and where the question looked."""
        mask, asked = batch.document != Vocabulary.pad, batch.question != Vocabulary.pad
        states, _ = self.document(self.dropout(self.embedding(batch.document)), mask)
        _, question = self.question(self.dropout(self.embedding(batch.question)), asked)
        states, question = self.dropout(states), self.dropout(question)
        memory = self.attention.prepare(states, states, mask.unsqueeze(1))
        context, alignment, _ = self.attention(question.unsqueeze(1), memory)
        joint = torch.tanh(self.from_document(context.squeeze(1)) + self.from_question(question))
        return torch.log_softmax(self.entity(self.dropout(joint)).float(), dim=-1), alignment

    def forward(self, batch: Cloze) -> Output:
        """The answer's nll among the candidates; the penalty is -log p(candidates)."""
        log_probs, alignment = self.read(batch)
        among = log_probs.masked_fill(~batch.candidates, -torch.inf)
        candidates = among.logsumexp(dim=-1)
        nll = candidates - among.gather(1, batch.answer.unsqueeze(1)).squeeze(1)
        symbols = torch.ones_like(batch.answer)
        return Output(nll, symbols, [alignment], batch.gold, penalty=-candidates, steps=nll.unsqueeze(1))

    @torch.no_grad()
    def predict(self, batch: Cloze) -> Prediction:
        """The likeliest candidate."""
        log_probs, alignment = self.read(batch)
        among = log_probs.masked_fill(~batch.candidates, -torch.inf)
        return Prediction(
            said=[self.entities.words[number] for number in among.argmax(dim=-1).tolist()],
            truth=[[answer] for answer in batch.answers],
            alignments=[alignment],
            queries=[[" ".join(words)] for words in batch.question_words],
            memory=batch.document_words,
            gold=batch.gold,
            about=batch.about,
        )
