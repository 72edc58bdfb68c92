"""What readers of cloze questions share: the batch, the encoder, and what becomes of the entities' likelihoods."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from attnbench.attention import Alignment
from attnbench.tasks.base import Model, Output, Prediction
from attnbench.tasks.sequence.both_ways import BidirectionalLstm, at_last
from attnbench.tasks.sequence.remembering import remembering
from attnbench.tasks.sequence.text import Vocabulary


class Cloze(NamedTuple):
    """A batch of documents with a question each; `about` is empty where nothing is known of the questions."""

    document: Int[Tensor, "batch memory"]
    question: Int[Tensor, "batch length"]
    mentions: Int[Tensor, "batch memory"]  # which candidate stands there, by its number; else padding
    candidates: Bool[Tensor, "batch entities"]
    answer: Int[Tensor, " batch"]  # its number among the entities
    gold: Bool[Tensor, "batch 1 memory"] | None
    document_words: list[list[str]]
    question_words: list[list[str]]
    answers: list[str]
    about: list[str]


class Encoder(nn.Module):
    """Bidirectional LSTM over padded words: every word's state, and the two directions' last states."""

    def __init__(self, embedding_dim: int, hidden_dim: int) -> None:
        super().__init__()
        self.recurrence = remembering(BidirectionalLstm(embedding_dim, hidden_dim))

    def forward(
        self, embedded: Float[Tensor, "batch length embedding"], mask: Bool[Tensor, "batch length"]
    ) -> tuple[Float[Tensor, "batch length state"], Float[Tensor, "batch state"]]:
        """[→y(t); ←y(t)] of each word, and [→y(last); ←y(1)]."""
        states = self.recurrence(embedded, mask)
        onward, backward = states.chunk(2, dim=-1)
        return states, torch.cat([at_last(onward, mask), backward[:, 0]], dim=-1)


class Encoded(NamedTuple):
    """A batch as read: every document word, where these are no padding, every question word, and the question as a whole."""

    document: Float[Tensor, "batch memory state"]
    mask: Bool[Tensor, "batch 1 memory"]
    asked: Float[Tensor, "batch length state"]
    question: Float[Tensor, "batch state"]


class Read(NamedTuple):
    """What a reader makes of a batch: log p(a) of all entities, and where it looked, if it looks anywhere."""

    log_probs: Float[Tensor, "batch entities"]
    alignments: Sequence[Alignment]


class Reader(Model):
    """Any reader: a distribution over entities, read as one over the document's candidates. Chen et al. 2016, §3.1.

    Trained to maximise log p(a) = log p(a | document's entities) + log p(document's entities): the first term is the output's
    nll, the second its penalty. While attention is flat, all entities of a document are alike to the first; the second teaches
    the model to carry names from the document to the answer, and only then does it pay to attend.
    """

    def __init__(self, words: Vocabulary, entities: Vocabulary, embedding_dim: int, dropout: float) -> None:
        super().__init__()
        self.entities = entities
        self.embedding = nn.Embedding(len(words), embedding_dim, padding_idx=Vocabulary.pad)
        self.dropout = nn.Dropout(dropout)

    @abstractmethod
    def read(self, batch: Cloze) -> Read:
        """Reads the documents with their questions in mind."""

    def embedded(self, words: Int[Tensor, "batch length"]) -> Float[Tensor, "batch length embedding"]:
        """The words' vectors, after dropout."""
        return self.dropout(self.embedding(words))

    def forward(self, batch: Cloze) -> Output:
        """The answer's nll among the candidates; the penalty is -log p(candidates)."""
        log_probs, alignments = self.read(batch)
        among = log_probs.masked_fill(~batch.candidates, -torch.inf)
        candidates = among.logsumexp(dim=-1)
        nll = candidates - among.gather(1, batch.answer.unsqueeze(1)).squeeze(1)
        symbols = torch.ones_like(batch.answer)
        # Of several looks none is followed by the answer alone: each is then rewarded with the whole.
        steps = nll.unsqueeze(1) if all(alignment.weights.shape[1] == 1 for alignment in alignments) else None
        return Output(nll, symbols, alignments, gold(batch, alignments), penalty=-candidates, steps=steps)

    @torch.no_grad()
    def predict(self, batch: Cloze) -> Prediction:
        """The likeliest candidate."""
        log_probs, alignments = self.read(batch)
        among = log_probs.masked_fill(~batch.candidates, -torch.inf)
        whole = all(alignment.weights.shape[1] == 1 for alignment in alignments)
        return Prediction(
            said=[self.entities.words[number] for number in among.argmax(dim=-1).tolist()],
            truth=[[answer] for answer in batch.answers],
            alignments=alignments,
            queries=[[" ".join(words)] if whole else words for words in batch.question_words],
            memory=batch.document_words,
            gold=gold(batch, alignments),
            about=batch.about,
        )


class EncodingReader(Reader):
    """A reader with an encoder for documents and one for questions, of states of size 2 hidden_dim."""

    def __init__(
        self, words: Vocabulary, entities: Vocabulary, *, embedding_dim: int, hidden_dim: int, dropout: float
    ) -> None:
        super().__init__(words, entities, embedding_dim, dropout)
        self.document = Encoder(embedding_dim, hidden_dim)
        self.question = Encoder(embedding_dim, hidden_dim)

    def encode(self, batch: Cloze) -> Encoded:
        """The batch as read, after dropout."""
        mask, asked = batch.document != Vocabulary.pad, batch.question != Vocabulary.pad
        states, _ = self.document(self.embedded(batch.document), mask)
        words, question = self.question(self.embedded(batch.question), asked)
        return Encoded(self.dropout(states), mask.unsqueeze(1), words, self.dropout(question))


def gold(batch: Cloze, alignments: Sequence[Alignment]) -> Bool[Tensor, "batch query memory"] | None:
    """The evidence, for each query that counts: a question as a whole, or each of its words."""
    if batch.gold is None or not alignments:
        return None
    queries = alignments[0].weights.shape[1]
    if queries == 1:
        return batch.gold
    counted = batch.question[:, :queries] != Vocabulary.pad
    return batch.gold & counted.unsqueeze(-1)


def log_softmax(scores: Float[Tensor, "batch entities"]) -> Float[Tensor, "batch entities"]:
    """log p(a), in float32 at least."""
    return torch.log_softmax(scores.float() if scores.dtype != torch.float64 else scores, dim=-1)
