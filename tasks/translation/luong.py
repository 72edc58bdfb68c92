"""Luong's model: stacked LSTM layers on both sides, and a look from the decoder's new state."""

from typing import Unpack

from attnbench.attention import AttentionFactory
from attnbench.tasks.sequence.luong import LuongDecoder
from attnbench.tasks.sequence.search import Search, SearchOptions
from attnbench.tasks.sequence.text import Vocabulary
from attnbench.tasks.translation.encoder import StackedLstm
from attnbench.tasks.translation.model import Translator


class Luong(Translator):
    """Stacked LSTM encoder and decoder; the decoder attends after its state. Luong et al. 2015, §2-3.

    The decoder starts from the encoder's last states, layer by layer. `bidirectional` encoder layers share hidden_dim among
    their directions (the paper's read one way, over reversed sentences). `input_feeding` is §3.3's; see `LuongDecoder`.
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
        bidirectional: bool = False,
        input_feeding: bool = True,
        **search: Unpack[SearchOptions],
    ) -> None:
        if layers < 1:
            raise ValueError(f"layers={layers}: must be at least 1")
        sizes = {"layers": layers, "embedding_dim": embedding_dim, "hidden_dim": hidden_dim}
        encoder = StackedLstm(len(source), dropout=dropout, bidirectional=bidirectional, **sizes)
        decoder = LuongDecoder(
            len(target), attention, memory_dim=hidden_dim, input_feeding=input_feeding, dropout=dropout, **sizes
        )
        super().__init__(target, encoder, decoder, Search(**search))
