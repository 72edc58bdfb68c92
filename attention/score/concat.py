"""Additive attention as one matrix over query and key."""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from attnbench.attention.core import Memory, Score
from attnbench.attention.kernels.additive import Kernel, additive_scores, check_options


class Concat(Score):
    """e(q, k) = vᵀ tanh(W [q; k]). Luong et al. 2015, §3.1 (concat).

    W [q; k] = W_q q + W_k k, so the functions are those of `additive`, and W is applied in two parts, the keys' once a
    memory. What differs is how they start: one matrix has a fan-in of query_dim + key_dim, so its entries are drawn smaller
    than those of two. The paper reads the decoder's current state, not the one before, and held W_k at the identity
    (footnote 15), which it names as a possible cause of its poor results; here W_k is learned. `kernel` is as in `additive`.
    """

    def __init__(self, query_dim: int, key_dim: int, *, hidden_dim: int, kernel: Kernel = "auto") -> None:
        super().__init__()
        check_options(hidden_dim, kernel)
        self.query_dim = query_dim
        self.both = nn.Linear(query_dim + key_dim, hidden_dim, bias=False)
        self.energy = nn.Linear(hidden_dim, 1, bias=False)
        self.kernel: Kernel = kernel

    def prepare(self, keys: Float[Tensor, "batch memory key"]) -> Float[Tensor, "batch memory prepared"]:
        """W_k k, of size hidden_dim."""
        return functional.linear(keys, self.both.weight[:, self.query_dim :])

    def forward(
        self, query: Float[Tensor, "batch query query_dim"], memory: Memory
    ) -> Float[Tensor, "batch query memory"]:
        """Scores where one may look; any finite number elsewhere."""
        asked = functional.linear(query, self.both.weight[:, : self.query_dim])
        return additive_scores(asked, memory.keys, self.energy.weight.squeeze(0), memory.mask, self.kernel)
