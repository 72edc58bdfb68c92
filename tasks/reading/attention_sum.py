"""The Attention Sum Reader: the alignment itself points at the answer."""

import torch

from attnbench.attention import Attention, AttentionFactory
from attnbench.attention.core import Selection
from attnbench.attention.selection.softmax import Softmax
from attnbench.attention.selection.uniform import Uniform
from attnbench.tasks.reading.model import Cloze, EncodingReader, Read
from attnbench.tasks.sequence.text import Vocabulary


class AttentionSumReader(EncodingReader):
    """u = [→y_q(last); ←y_q(1)]; α = align(u, y_d); p(a) = Σ α_i over all places i where a stands. Kadlec et al. 2016, §3.

    The paper's score is the dot product (`attention=dot_soft`). An entity of the vocabulary needs no vector of its own as an
    answer. Hard choices are refused: the exact likelihood over a drawn place, Σ_i α_i [a stands at i], is this very
    sum, so there is nothing to draw; and a choice that leaves places at 0 has no likelihood where the answer is among them.
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
        refuse_zeros(self.attention)

    def read(self, batch: Cloze) -> Read:
        """One look with the whole question."""
        document, mask, _, question = self.encode(batch)
        memory = self.attention.prepare(document, document, mask)
        context, alignment, _ = self.attention(question.unsqueeze(1), memory)
        # What is found tells nothing here. It joins with weight 0, for the control, whose weights alone have no gradient.
        weights = alignment.weights.squeeze(1) + 0.0 * context.sum()
        weights = weights.float() if weights.dtype != torch.float64 else weights
        sums = weights.new_zeros(batch.candidates.shape).scatter_add(1, batch.mentions, weights)
        # A sum that rounding made 0, or a window that ends before the answer, counts the smallest number there is.
        return Read(sums.clamp(min=torch.finfo(sums.dtype).tiny).log(), [alignment])


def refuse_zeros(attention: Attention) -> None:
    """Raises ValueError for a selection whose weights may be exactly 0, or that draws."""
    for part in attention.modules():
        if isinstance(part, Selection) and not isinstance(part, Softmax | Uniform):
            raise ValueError(
                f"task/model=attention_sum_reader: {type(part).__name__} leaves places at 0, or draws one; its answer is "
                "the distribution itself: give attention/selection=softmax"
            )
