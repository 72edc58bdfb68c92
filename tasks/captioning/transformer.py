"""A Transformer that writes captions: in each of its layers it looks at a part of the image before each word."""

from attnbench.attention import AttentionFactory
from attnbench.tasks.captioning.annotations import Annotations
from attnbench.tasks.captioning.encoder import Encoder
from attnbench.tasks.captioning.model import Captioner, DoublyStochastic, Total
from attnbench.tasks.sequence.search import Search
from attnbench.tasks.sequence.text import Vocabulary
from attnbench.tasks.sequence.transformer import TransformerDecoder
from attnbench.tasks.sequence.transformer_layer import Norm


class TransformerCaptioner(Captioner):
    """A Transformer decoder over an encoder's annotations, which attends in every layer. Vaswani et al. 2017, §3.1.

    Options are `TransformerDecoder`'s, and `ShowAttendTell`'s but for `gate` and `conditional`. Without `feed_forward_dim` it is
    4·hidden_dim (§3.3). Plain dot needs annotations of size hidden_dim, and so does it to do without a map of the context.
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
        limit: int,
        feed_forward_dim: int | None = None,
        norm: Norm = "pre",
        tied: bool = True,
        annotation_dim: int | None = None,
        standardize: bool = False,
        global_image: bool = False,
        cell_dropout: float = 0.0,
        doubly_stochastic: float = 0.0,
        doubly_stochastic_total: Total = "one",
        beam: int = 1,
        length_penalty: float = 0.0,
        coverage_penalty: float = 0.0,
        early_stopping: bool = False,
    ) -> None:
        penalty = DoublyStochastic(weight=doubly_stochastic, total=doubly_stochastic_total)
        search = Search(
            limit=limit,
            beam=beam,
            length_penalty=length_penalty,
            coverage_penalty=coverage_penalty,
            early_stopping=early_stopping,
        )
        annotations = Annotations(
            encoder,
            dim=annotation_dim,
            standardize=standardize,
            dropout=dropout,
            global_image=global_image,
            cell_dropout=cell_dropout,
        )
        decoder = TransformerDecoder(
            len(vocabulary),
            attention,
            memory_dim=annotations.width,
            layers=layers,
            hidden_dim=hidden_dim,
            heads=heads,
            feed_forward_dim=4 * hidden_dim if feed_forward_dim is None else feed_forward_dim,
            dropout=dropout,
            norm=norm,
            tied=tied,
        )
        super().__init__(vocabulary, annotations, decoder, search, penalty)
