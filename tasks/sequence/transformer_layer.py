"""One layer of a Transformer: of its decoder, which attends to what is read by any attention, or of its encoder."""

from typing import Literal

from jaxtyping import Bool, Float
from torch import Tensor, nn

from attnbench.attention import Alignment, AttentionFactory, Memory
from attnbench.attention.multi_head import projection
from attnbench.tasks.sequence.asked import asked
from attnbench.tasks.sequence.self_attention import Before, self_attention

Norm = Literal["pre", "post"]


class Residual(nn.Module):
    """Parts f that each add to the words what they find: x + dropout(f(LN(x))) with `pre` (Xiong et al. 2020), and
    LN(x + dropout(f(x))) with `post`, as in the paper.
    """

    pre: bool
    norms: nn.ModuleList
    dropout: nn.Dropout

    def inward(self, part: int, words: Float[Tensor, "rows length hidden"]) -> Float[Tensor, "rows length hidden"]:
        """What a part is given."""
        return self.norms[part](words) if self.pre else words

    def outward(
        self, part: int, words: Float[Tensor, "rows length hidden"], found: Float[Tensor, "rows length hidden"]
    ) -> Float[Tensor, "rows length hidden"]:
        """The words with what a part found added."""
        added = words + self.dropout(found)
        return added if self.pre else self.norms[part](added)


class Layer(Residual):
    """Self-attention, attention to the memory, FFN(x) = W_2 relu(W_1 x + b_1) + b_2. Vaswani et al. 2017, §3.1 and eq. 2.

    A context that is not of the layer's size is mapped to it.
    """

    def __init__(
        self,
        attention: AttentionFactory,
        *,
        memory_dim: int,
        hidden_dim: int,
        heads: int,
        feed_forward_dim: int,
        dropout: float,
        norm: Norm,
        other: AttentionFactory | None = None,
    ) -> None:
        super().__init__()
        self.pre = norm == "pre"
        self.self_attention = self_attention(hidden_dim, heads, other)
        self.attention = attention(hidden_dim, memory_dim)
        self.map = None if memory_dim == hidden_dim else projection(memory_dim, hidden_dim)
        self.feed_forward = feed_forward(hidden_dim, feed_forward_dim, dropout)
        self.norms = nn.ModuleList(nn.LayerNorm(hidden_dim) for _ in range(3))
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, words: Float[Tensor, "rows length hidden"], before: Before, memory: Memory
    ) -> tuple[Float[Tensor, "rows length hidden"], Alignment, Before]:
        """A stretch of words in the light of those before and of the memory, and where they looked in it."""
        found, after = self.self_attention(self.inward(0, words), before)
        words = self.outward(0, words, found)
        context, alignment, past = asked(self.attention, self.inward(1, words), memory._replace(past=before.past))
        words = self.outward(1, words, context if self.map is None else self.map(context))
        words = self.outward(2, words, self.feed_forward(self.inward(2, words)))
        return words, alignment, after._replace(past=past)


class EncoderLayer(Residual):
    """Self-attention of all words to all, and the feed-forward network. Vaswani et al. 2017, §3.1."""

    def __init__(
        self,
        *,
        hidden_dim: int,
        heads: int,
        feed_forward_dim: int,
        dropout: float,
        norm: Norm,
        other: AttentionFactory | None = None,
    ) -> None:
        super().__init__()
        self.pre = norm == "pre"
        self.self_attention = self_attention(hidden_dim, heads, other)
        self.feed_forward = feed_forward(hidden_dim, feed_forward_dim, dropout)
        self.norms = nn.ModuleList(nn.LayerNorm(hidden_dim) for _ in range(2))
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, words: Float[Tensor, "rows length hidden"], mask: Bool[Tensor, "rows 1 length"]
    ) -> Float[Tensor, "rows length hidden"]:
        """The words in the light of all that are no padding."""
        words = self.outward(0, words, self.self_attention.among(self.inward(0, words), mask))
        return self.outward(1, words, self.feed_forward(self.inward(1, words)))


def feed_forward(size: int, inner_size: int, dropout: float) -> nn.Sequential:
    """FFN(x) = W_2 relu(W_1 x + b_1) + b_2, with dropout between its maps. Vaswani et al. 2017, eq. 2."""
    inner, outer = projection(size, inner_size), projection(inner_size, size)
    return nn.Sequential(inner, nn.ReLU(), nn.Dropout(dropout), outer)
