"""A Transformer that writes captions: in each of its layers it looks at a part of the image before each word."""

from typing import Unpack

from attnbench.attention import AttentionFactory
from attnbench.tasks.captioning.encoder import Encoder
from attnbench.tasks.captioning.model import Captioner, CaptionerOptions
from attnbench.tasks.sequence.text import Vocabulary
from attnbench.tasks.sequence.transformer import TransformerDecoder
from attnbench.tasks.sequence.transformer_layer import Norm


class TransformerCaptioner(Captioner):
    """A Transformer decoder over an encoder's annotations, which attends in every layer. Vaswani et al. 2017, §3.1.

    Options are `TransformerDecoder`'s and `Captioner`'s. Without `feed_forward_dim` it is 4·hidden_dim (§3.3). Plain dot needs
    annotations of size hidden_dim, and so does it to do without a map of the context.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        encoder: Encoder,
        attention: AttentionFactory,
        *,
        layers: int,
        hidden_dim: int,
        heads: int,
        dropout: float,
        feed_forward_dim: int | None = None,
        norm: Norm = "pre",
        tied: bool = True,
        **options: Unpack[CaptionerOptions],
    ) -> None:
        def decoder(width: int) -> TransformerDecoder:
            return TransformerDecoder(
                len(vocabulary),
                attention,
                memory_dim=width,
                layers=layers,
                hidden_dim=hidden_dim,
                heads=heads,
                feed_forward_dim=4 * hidden_dim if feed_forward_dim is None else feed_forward_dim,
                dropout=dropout,
                norm=norm,
                tied=tied,
            )

        super().__init__(vocabulary, encoder, decoder, dropout=dropout, **options)
