"""Additive attention."""

from jaxtyping import Float
from torch import Tensor, nn

from attnbench.attention.core import Memory, Score
from attnbench.attention.kernels.additive import Kernel, additive_scores, check_options


class Additive(Score):
    """e(q, k) = vᵀ tanh(W q + U k). Bahdanau et al. 2015, appendix A.1.2.

    U k does not depend on the query and is computed once a memory. The paper starts v at zero; here it is drawn from
    U(±1/√hidden_dim), because from zero the projections get no gradient at the first step. `kernel` says how the scores
    are computed and changes no result beyond rounding: `plain` in one piece, `lean` in pieces, `auto` by size.
    """

    def __init__(self, query_dim: int, key_dim: int, *, hidden_dim: int, kernel: Kernel = "auto") -> None:
        super().__init__()
        check_options(hidden_dim, kernel)
        self.query = nn.Linear(query_dim, hidden_dim, bias=False)
        self.key = nn.Linear(key_dim, hidden_dim, bias=False)
        self.energy = nn.Linear(hidden_dim, 1, bias=False)
        self.kernel: Kernel = kernel

    def prepare(self, keys: Float[Tensor, "batch memory key"]) -> Float[Tensor, "batch memory prepared"]:
        """U k, of size hidden_dim."""
        return self.key(keys)

    def forward(
        self, query: Float[Tensor, "batch query query_dim"], memory: Memory
    ) -> Float[Tensor, "batch query memory"]:
        """Scores where one may look; any finite number elsewhere."""
        return additive_scores(self.query(query), memory.keys, self.energy.weight.squeeze(0), memory.mask, self.kernel)
