"""Additive attention that knows what was covered."""

from jaxtyping import Float
from torch import Tensor, nn

from attnbench.attention.core import Memory, Score
from attnbench.attention.kernels.additive import Kernel
from attnbench.attention.score.additive import Additive


class Coverage(Score):
    """e_i(q, k_i) = vᵀ tanh(W q + U k_i + w c_i + b), c_i = Σ of all earlier queries' weights of i. See et al. 2017, eq. 10-11.

    Tu et al. 2016 brought coverage into the score; their linguistic form divides c_i by a fertility that is predicted from
    k_i, here 1. See et al. add a loss on covering twice, which is no part of the score. `kernel` is as in `additive`.
    """

    reads_past = True

    def __init__(self, query_dim: int, key_dim: int, *, hidden_dim: int, kernel: Kernel = "auto") -> None:
        super().__init__()
        self.additive = Additive(query_dim, key_dim, hidden_dim=hidden_dim, kernel=kernel)
        self.covered = nn.Linear(1, hidden_dim)

    def prepare(self, keys: Float[Tensor, "batch memory key"]) -> Float[Tensor, "batch memory prepared"]:
        """U k, of size hidden_dim."""
        return self.additive.prepare(keys)

    def forward(self, query: Float[Tensor, "batch 1 query_dim"], memory: Memory) -> Float[Tensor, "batch 1 memory"]:
        """Scores of the query that comes after the memory's past."""
        assert memory.past is not None
        covered = self.covered(memory.past.total.unsqueeze(-1))
        return self.additive(query, memory._replace(keys=memory.keys + covered))
