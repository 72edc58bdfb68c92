"""A reader that looks at its facts as often as it has hops."""

from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn

from attnbench.attention import Alignment, AttentionFactory
from attnbench.tasks.babi.answer import AnswerDecoder
from attnbench.tasks.babi.batch import Questions
from attnbench.tasks.babi.encoder import FactEncoder, SentenceEncoder, Words
from attnbench.tasks.base import Model, Output, Prediction
from attnbench.tasks.sequence.text import Vocabulary

Read = Literal["facts", "sentences"]
COMMA = ","


class MemoryReader(Model):
    """m_0 = q; c_t = attend(m_{t-1}, f); m_t = relu(W_t [m_{t-1}; c_t; q] + b_t), t = 1 … hops; the answer is told from m_hops.

    The memory update of Xiong et al. 2016, §3.3, hop by hop as in Sukhbaatar et al. 2015, §2.2, with any attention. One attention
    serves all hops, as in the former; one that reads its past knows where earlier hops looked. The alignment has a row for
    each hop. What is found at a fact is the fact itself, or with `read=sentences` the sentence alone: its context then
    decides where to look and says nothing more.

    The data list supporting facts in the order in which they lead to the answer, but nothing teaches the model that order, and
    there may be more hops than facts or fewer: every supporting fact is gold at every hop.
    Queries and keys have one size, hidden_dim, so that plain dot needs no projection.
    """

    def __init__(
        self,
        words: Vocabulary,
        answers: Vocabulary,
        attention: AttentionFactory,
        *,
        hops: int,
        hidden_dim: int,
        dropout: float,
        sentence: Words,
        ages: int,
        fusion: bool,
        read: Read,
        limit: int,
    ) -> None:
        super().__init__()
        for name, value in {"hops": hops, "limit": limit}.items():
            if type(value) is not int or value < 1:
                raise ValueError(f"{name}={value}: must be a whole number, 1 or more")
        if read not in get_args(Read):
            raise ValueError(f"read={read}: must be one of {', '.join(get_args(Read))}")
        self.answers = answers
        self.read_sentences = read == "sentences"
        self.limit = limit
        self.sentence = SentenceEncoder(words, hidden_dim, sentence, dropout)
        self.question = nn.Linear(hidden_dim, hidden_dim)
        self.fact = FactEncoder(hidden_dim, ages=ages, fusion=fusion)
        self.attention = attention(hidden_dim, hidden_dim)
        self.update = nn.ModuleList(nn.Linear(3 * hidden_dim, hidden_dim) for _ in range(hops))
        self.answer = AnswerDecoder(answers, hidden_dim, dropout)
        self.dropout = nn.Dropout(dropout)

    def read(self, batch: Questions) -> tuple[Float[Tensor, "batch size"], Float[Tensor, "batch size"], Alignment]:
        """The question, the memory after the last hop, and where each hop looked."""
        mask = batch.facts != 0
        table = self.sentence(batch.sentences)
        sentences = table[batch.facts]
        facts = self.dropout(self.fact(sentences, mask))
        question = torch.tanh(self.question(table[batch.question]))
        memory = self.attention.prepare(facts, sentences if self.read_sentences else facts, mask.unsqueeze(1))
        state, looked = question, []
        for update in self.update:
            context, alignment, past = self.attention(state.unsqueeze(1), memory)
            memory = memory._replace(past=past)
            looked.append(alignment)
            state = torch.relu(update(torch.cat([state, context.squeeze(1), question], dim=-1)))
        return question, state, Alignment.join(looked)

    def forward(self, batch: Questions) -> Output:
        """The answer's nll."""
        question, state, alignment = self.read(batch)
        nll = self.answer.nll(batch.answer, question, state)
        symbols = (batch.answer[:, 1:] != Vocabulary.pad).sum(dim=1)
        return Output(nll, symbols, [alignment], self.gold(batch))

    def gold(self, batch: Questions) -> Tensor | None:
        """The supporting facts, at every hop."""
        return None if batch.gold is None else batch.gold.expand(-1, len(self.update), -1)

    @torch.no_grad()
    def predict(self, batch: Questions) -> Prediction:
        """The likeliest answer, word by word."""
        question, state, alignment = self.read(batch)
        said = self.answer.likeliest(question, state, self.limit).tolist()
        hops = range(1, len(self.update) + 1)
        return Prediction(
            said=[COMMA.join(self.answers.decode(numbers)) for numbers in said],
            truth=[[answer] for answer in batch.answers],
            alignments=[alignment],
            queries=[[f"{question} (hop {hop})" for hop in hops] for question in batch.questions],
            memory=batch.facts_told,
            gold=self.gold(batch),
            about=batch.about,
        )
