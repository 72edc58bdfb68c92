"""Local attention around the position of the query's own number."""

import torch
from jaxtyping import Float
from torch import Tensor

from attnbench.attention.core import Memory, Score, ScoreFactory
from attnbench.attention.score.window import check_half_width, narrowed, places, visible


class LocalM(Score):
    """Query t sees places t - D to t + D, scored by `content`; all else is -inf. Luong et al. 2015, §3.2 (local-m).

    D is `half_width`. A target longer than its source keeps looking at the end: the centre stays at the last place. Places
    are counted among the positions that may be seen. The content score is told of the window as of a mask.
    """

    reads_past = True

    def __init__(self, query_dim: int, key_dim: int, *, content: ScoreFactory, half_width: int = 10) -> None:
        super().__init__()
        check_half_width(half_width)
        self.half_width = half_width
        self.content = content(query_dim, key_dim)

    def prepare(self, keys: Float[Tensor, "batch memory key"]) -> Float[Tensor, "batch memory prepared"]:
        """What the content score needs of the keys."""
        return self.content.prepare(keys)

    def forward(self, query: Float[Tensor, "batch 1 query_dim"], memory: Memory) -> Float[Tensor, "batch 1 memory"]:
        """Scores of the query that comes after the memory's past."""
        assert memory.past is not None
        centre = torch.minimum(memory.past.asked[:, None, None], visible(memory) - 1)
        near = narrowed(memory, places(memory) - centre, self.half_width)
        return self.content(query, near).masked_fill(~near.mask, -torch.inf)
