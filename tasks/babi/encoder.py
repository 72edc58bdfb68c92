"""From words to facts: one vector a sentence, then what each means among the others."""

from typing import Literal, get_args

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from attnbench.tasks.sequence.both_ways import at_last, both_ways
from attnbench.tasks.sequence.text import Vocabulary

Words = Literal["positions", "gru"]


class SentenceEncoder(nn.Module):
    """A sentence's vector from its words' embeddings e_1 … e_J.

    `positions`: Σ_j l_j ∘ e_j with l_kj = (1 - j/J) - (k/d)(1 - 2j/J), which tells the order of words (position encoding,
    Sukhbaatar et al. 2015, §4.1); `gru`: the last state of a GRU over them (Kumar et al. 2016, §2.1).
    """

    def __init__(self, words: Vocabulary, size: int, kind: Words, dropout: float) -> None:
        super().__init__()
        if kind not in get_args(Words):
            raise ValueError(f"sentence={kind}: must be one of {', '.join(get_args(Words))}")
        self.embedding = nn.Embedding(len(words), size, padding_idx=Vocabulary.pad)
        self.dropout = nn.Dropout(dropout)
        self.recurrence = nn.GRU(size, size, batch_first=True) if kind == "gru" else None

    def forward(self, sentences: Int[Tensor, "sentences length"]) -> Float[Tensor, "sentences size"]:
        """The sentences' vectors; that of an empty one is of no meaning."""
        embedded = self.dropout(self.embedding(sentences))
        lengths = (sentences != Vocabulary.pad).sum(dim=1).clamp(min=1)
        if self.recurrence is None:
            return (position_encoding(lengths, *embedded.shape[1:]).to(embedded.dtype) * embedded).sum(dim=1)
        states, _ = self.recurrence(embedded)  # padding stands behind all that counts
        return at_last(states, sentences != Vocabulary.pad)


def position_encoding(
    lengths: Int[Tensor, " sentences"], longest: int, size: int
) -> Float[Tensor, "sentences length size"]:
    """l_kj for sentences of J = `lengths` words, j from 1 to `longest` (of any value behind J), k from 1 to `size`."""
    along = torch.arange(1, longest + 1, device=lengths.device)[None, :, None] / lengths[:, None, None]
    across = torch.arange(1, size + 1, device=lengths.device) / size
    return (1 - along) - across * (1 - 2 * along)


class FactEncoder(nn.Module):
    """Facts from sentences s_1 … s_n: what was told, when, and among what.

    With `ages`, each sentence gets the embedding of its age, 0 for the last told (temporal encoding, Sukhbaatar et al. 2015,
    §4.1); older ones than there are ages share the last. With `fusion`, f_i = s_i + →GRU(s)_i + ←GRU(s)_i, so that facts know of
    those before and after them: the input fusion layer of Xiong et al. 2016, §3.1, and what the fact says itself, by which it
    is found.
    """

    def __init__(self, size: int, *, ages: int, fusion: bool) -> None:
        super().__init__()
        if ages < 0:
            raise ValueError(f"ages={ages}: must be 0 or more, the number of ages that are told apart")
        self.age = nn.Embedding(ages, size) if ages else None
        self.fusion = nn.GRU(size, size, bidirectional=True, batch_first=True) if fusion else None

    def forward(
        self, sentences: Float[Tensor, "batch memory size"], mask: Bool[Tensor, "batch memory"]
    ) -> Float[Tensor, "batch memory size"]:
        """The facts."""
        if self.age is not None:
            ages = mask.sum(dim=1, keepdim=True) - 1 - torch.arange(mask.shape[1], device=mask.device)
            sentences = sentences + self.age(ages.clamp(0, self.age.num_embeddings - 1))
        if self.fusion is None:
            return sentences
        forward, backward = both_ways(self.fusion, sentences, mask).chunk(2, dim=-1)
        return sentences + forward + backward
