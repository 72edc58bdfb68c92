"""GNMT's model: deep LSTM layers on both sides, of which the decoder's first alone decides where to look."""

from typing import Unpack

from attnbench.attention import AttentionFactory
from attnbench.tasks.sequence.gnmt import Asks, GnmtDecoder
from attnbench.tasks.sequence.search import Search, SearchOptions
from attnbench.tasks.sequence.text import Vocabulary
from attnbench.tasks.translation.encoder import GnmtEncoder
from attnbench.tasks.translation.model import Translator


class Gnmt(Translator):
    """LSTM encoder whose first layer reads both ways, and `GnmtDecoder`, which starts from its last states. Wu et al. 2016, §3.

    `asks`, `residual` (of both sides) and `context_out` are `GnmtDecoder`'s. The paper does not say what the decoder starts from.
    """

    def __init__(
        self,
        source: Vocabulary,
        target: Vocabulary,
        attention: AttentionFactory,
        *,
        layers: int,
        embedding_dim: int,
        hidden_dim: int,
        dropout: float,
        asks: Asks = "previous",
        residual: bool = True,
        context_out: bool = False,
        **search: Unpack[SearchOptions],
    ) -> None:
        sizes = {"layers": layers, "embedding_dim": embedding_dim, "hidden_dim": hidden_dim}
        encoder = GnmtEncoder(len(source), dropout=dropout, residual=residual, **sizes)
        decoder = GnmtDecoder(
            len(target),
            attention,
            memory_dim=hidden_dim,
            dropout=dropout,
            asks=asks,
            residual=residual,
            context_out=context_out,
            **sizes,
        )
        super().__init__(target, encoder, decoder, Search(**search))
