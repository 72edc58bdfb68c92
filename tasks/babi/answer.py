"""The answer, word by word."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from attnbench.tasks.sequence.text import Vocabulary


class AnswerDecoder(nn.Module):
    """a_t = GRU([y_{t-1}; q], a_{t-1}), a_0 = m; p(y_t) = softmax(W a_t): until the end symbol.

    Kumar et al. 2016, §2.4. An answer of one word is two symbols, its end included.
    """

    def __init__(self, answers: Vocabulary, size: int, dropout: float) -> None:
        super().__init__()
        self.embedding = nn.Embedding(len(answers), size, padding_idx=Vocabulary.pad)
        self.recurrence = nn.GRU(2 * size, size, batch_first=True)
        self.word = nn.Linear(size, len(answers))
        self.dropout = nn.Dropout(dropout)

    def log_probs(
        self,
        said: Int[Tensor, "batch symbols"],
        question: Float[Tensor, "batch size"],
        state: Float[Tensor, "batch size"],
    ) -> tuple[Float[Tensor, "batch symbols answers"], Float[Tensor, "batch size"]]:
        """log p of the word after each of those said, and the last state."""
        embedded = self.embedding(said)
        asked = question.unsqueeze(1).expand(-1, said.shape[1], -1)
        states, last = self.recurrence(torch.cat([embedded, asked], dim=-1), state.unsqueeze(0).contiguous())
        return torch.log_softmax(self.word(self.dropout(states)).float(), dim=-1), last[0]

    def nll(
        self,
        answer: Int[Tensor, "batch symbols"],
        question: Float[Tensor, "batch size"],
        state: Float[Tensor, "batch size"],
    ) -> Float[Tensor, " batch"]:
        """-log p of each answer, given between its start and end symbols, summed over its words and its end."""
        log_probs, _ = self.log_probs(answer[:, :-1], question, state)
        wanted = answer[:, 1:]
        found = log_probs.gather(-1, wanted.unsqueeze(-1)).squeeze(-1)
        return -found.masked_fill(wanted == Vocabulary.pad, 0.0).sum(dim=1)

    def likeliest(
        self, question: Float[Tensor, "batch size"], state: Float[Tensor, "batch size"], limit: int
    ) -> Int[Tensor, "batch symbols"]:
        """The words said by greedy search, `limit` at most; what follows an end symbol is of no meaning."""
        said = torch.full((len(question), 1), Vocabulary.start, device=question.device)
        words: list[Tensor] = []
        ended = torch.zeros(len(question), dtype=torch.bool, device=question.device)
        while len(words) < limit and not bool(ended.all()):
            log_probs, state = self.log_probs(said, question, state)
            said = log_probs.argmax(dim=-1)
            ended = ended | (said[:, 0] == Vocabulary.end)
            words.append(said)
        return torch.cat(words, dim=1)
