"""The Transformer: an encoder whose words look at each other, and a decoder that attends in every layer."""

from typing import Unpack

from jaxtyping import Int
from torch import Tensor, nn

from attnbench.attention import AttentionFactory
from attnbench.tasks.sequence.search import Search, SearchOptions
from attnbench.tasks.sequence.text import Vocabulary
from attnbench.tasks.sequence.transformer import TransformerDecoder, check_sizes, placed, word_vectors
from attnbench.tasks.sequence.transformer_layer import EncoderLayer, Norm
from attnbench.tasks.translation.encoder import Encoded, Encoder
from attnbench.tasks.translation.model import Translator


class TransformerEncoder(Encoder):
    """x_j = √d E w_j + PE(j), then the layers, in which padding is never looked at. Vaswani et al. 2017, §3.1.

    With `pre` there is one more norm after the last layer.
    """

    def __init__(
        self,
        words: int,
        *,
        layers: int,
        hidden_dim: int,
        heads: int,
        feed_forward_dim: int,
        dropout: float,
        norm: Norm,
        self_attention: AttentionFactory | None,
    ) -> None:
        super().__init__()
        self.embedding = word_vectors(words, hidden_dim)
        sizes = {"hidden_dim": hidden_dim, "heads": heads, "feed_forward_dim": feed_forward_dim}
        self.layers = nn.ModuleList(
            EncoderLayer(dropout=dropout, norm=norm, other=self_attention, **sizes) for _ in range(layers)
        )
        self.norm = nn.LayerNorm(hidden_dim) if norm == "pre" else nn.Identity()
        self.dropout = nn.Dropout(dropout)

    def forward(self, source: Int[Tensor, "batch memory"]) -> Encoded:
        """The sentences as read; the decoder starts from nothing, and the summary is no more than a row a sentence."""
        mask = (source != Vocabulary.pad).unsqueeze(1)
        current = self.dropout(placed(self.embedding, source))
        for layer in self.layers:
            current = layer(current, mask)
        annotations = self.norm(current)
        return Encoded(annotations[:, 0], annotations, mask)


class Transformer(Translator):
    """Encoder and decoder of self-attention; the decoder's attention to the source is the one it is given. Vaswani et al. 2017.

    Without `feed_forward_dim` it is 4·hidden_dim (§3.3). `norm` and `tied` are `TransformerDecoder`'s. `self_attention` stands on
    both sides where the paper has `heads` of scaled dot products. `shared_embeddings` are §3.4's: both languages have the
    same vectors, which takes a vocabulary that they have in common.
    """

    def __init__(
        self,
        source: Vocabulary,
        target: Vocabulary,
        attention: AttentionFactory,
        *,
        layers: int,
        hidden_dim: int,
        heads: int,
        dropout: float,
        feed_forward_dim: int | None = None,
        norm: Norm = "pre",
        tied: bool = True,
        shared_embeddings: bool = False,
        self_attention: AttentionFactory | None = None,
        **search: Unpack[SearchOptions],
    ) -> None:
        inner = 4 * hidden_dim if feed_forward_dim is None else feed_forward_dim
        check_sizes(layers=layers, hidden_dim=hidden_dim, heads=heads, feed_forward_dim=inner, norm=norm)
        if shared_embeddings and source.words != target.words:
            raise ValueError(
                f"shared_embeddings=true: source and target have {len(source)} and {len(target)} words of their own; "
                "needs one vocabulary for both: give task.units.joint=true"
            )
        sizes = {"layers": layers, "hidden_dim": hidden_dim, "heads": heads, "feed_forward_dim": inner}
        encoder = TransformerEncoder(len(source), dropout=dropout, norm=norm, self_attention=self_attention, **sizes)
        decoder = TransformerDecoder(
            len(target),
            attention,
            memory_dim=hidden_dim,
            dropout=dropout,
            norm=norm,
            tied=tied,
            self_attention=self_attention,
            **sizes,
        )
        if shared_embeddings:
            encoder.embedding = decoder.embedding
        super().__init__(target, encoder, decoder, Search(**search))
