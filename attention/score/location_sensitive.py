"""Additive attention that sees where it looked before."""

from typing import Literal, get_args

from jaxtyping import Float
from torch import Tensor, nn

from attnbench.attention.core import Memory, Score
from attnbench.attention.kernels.additive import Kernel
from attnbench.attention.score.additive import Additive

History = Literal["last", "total"]


class LocationSensitive(Score):
    """e_i(q, k_i) = vᵀ tanh(W q + U k_i + Z f_i + b), f = F * α of the query before. Chorowski et al. 2015, eq. 8-9.

    F holds `filters` filters of `width` positions. `history` is what they read: `last`, the weights of the query before, as
    in the paper, or `total`, the sum of all before, as in Tacotron 2 (Shen et al. 2018), whose sizes are the defaults. Before
    the first query there are no weights and f is 0. Hidden positions have weights of 0, like those beyond the memory's
    ends. `kernel` is as in `additive`.
    """

    reads_past = True

    def __init__(
        self,
        query_dim: int,
        key_dim: int,
        *,
        hidden_dim: int,
        filters: int = 32,
        width: int = 31,
        history: History = "last",
        kernel: Kernel = "auto",
    ) -> None:
        super().__init__()
        if filters < 1:
            raise ValueError(f"filters={filters}: must be at least 1")
        if width < 1 or width % 2 == 0:
            raise ValueError(f"width={width}: must be odd and at least 1, so that a filter has a middle")
        if history not in get_args(History):
            raise ValueError(f"history={history}: must be one of {', '.join(get_args(History))}")
        self.history = history
        self.additive = Additive(query_dim, key_dim, hidden_dim=hidden_dim, kernel=kernel)
        self.filters = nn.Conv1d(1, filters, width, padding=width // 2, bias=False)
        self.features = nn.Linear(filters, hidden_dim)

    def prepare(self, keys: Float[Tensor, "batch memory key"]) -> Float[Tensor, "batch memory prepared"]:
        """U k, of size hidden_dim."""
        return self.additive.prepare(keys)

    def forward(self, query: Float[Tensor, "batch 1 query_dim"], memory: Memory) -> Float[Tensor, "batch 1 memory"]:
        """Scores of the query that comes after the memory's past."""
        assert memory.past is not None
        looked = memory.past.last if self.history == "last" else memory.past.total
        features = self.features(self.filters(looked.unsqueeze(1)).transpose(1, 2))
        return self.additive(query, memory._replace(keys=memory.keys + features))
