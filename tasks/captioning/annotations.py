"""From what an encoder sees to what a decoder reads."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from attnbench.tasks.captioning.encoder import Encoder
from attnbench.tasks.shared_dropout import SharedDropout


class Annotations(nn.Module):
    """a'_i = dropout(relu(W a_i + b)) for the annotations a_i of an encoder; without `dim` no map, a'_i = dropout(a_i).

    Dropout's mask is one for all places (see `SharedDropout`). `standardize` brings each a_i to mean 0 and variance 1 over its
    numbers first: those of networks trained to classify may be very large and differ much in size. A map lets mechanisms that
    have no map of their own (plain dot) choose what they are asked by; all mechanisms get the same. With `global_image` it also
    sees the mean annotation ā, relu(W a_i + V ā + b), so that attention is not all that a decoder knows of the image.

    In training `cell_dropout` leaves out that share of an image's cells, drawn anew each time, as if they were not there (as
    PatchDropout, Liu et al. 2023): what remains takes as much less time.
    """

    def __init__(
        self,
        encoder: Encoder,
        *,
        dim: int | None,
        standardize: bool,
        dropout: float,
        global_image: bool = False,
        cell_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if dim is not None and dim < 1:
            raise ValueError(f"annotation_dim={dim}: must be at least 1, or null for the encoder's own {encoder.width}")
        if dim is None and global_image:
            raise ValueError("global_image=true: is for annotations that are mapped; give annotation_dim")
        if not 0 <= cell_dropout < 1:
            raise ValueError(f"cell_dropout={cell_dropout}: must be a share from 0 to below 1")
        self.encoder = encoder
        self.standardize = standardize
        self.map = None if dim is None else nn.Linear(encoder.width, dim)
        self.whole = nn.Linear(encoder.width, self.map.out_features, bias=False) if self.map and global_image else None
        self.width = encoder.width if dim is None else dim
        self.dropout = SharedDropout(dropout)
        self.cell_dropout = cell_dropout

    @property
    def thins(self) -> bool:
        """Whether cells are left out now: what is said of all cells then holds for none."""
        return self.training and self.cell_dropout > 0

    def forward(
        self,
        images: Float[Tensor, "batch 3 height width"] | None,
        grids: Float[Tensor, "batch cell encoded"] | None,
    ) -> Float[Tensor, "batch kept annotation"]:
        """Of images, or of the encoder's grids where they are known already, cells row by row."""
        if grids is None:
            assert images is not None
            grids = self.encoder(images).flatten(2).transpose(1, 2)
        if self.thins:
            grids = thinned(grids, self.cell_dropout)
        if not torch.is_autocast_enabled(grids.device.type):
            grids = grids.to(next(self.parameters()).dtype)
        if self.standardize:
            with torch.autocast(
                grids.device.type, enabled=False
            ):  # in the grids' own type: half the time, one rounding
                grids = functional.layer_norm(grids, grids.shape[-1:])
        seen = grids if self.map is None else self.map(grids)
        if self.whole is not None:
            seen = seen + self.whole(grids.mean(dim=1, keepdim=True))
        return self.dropout(seen if self.map is None else torch.relu(seen))


def thinned(grids: Float[Tensor, "batch cell encoded"], share: float) -> Float[Tensor, "batch kept encoded"]:
    """Each image's cells but for a share of them, drawn evenly; the others stay in their order, and one at least stays."""
    batch, cells, size = grids.shape
    kept = max(1, round((1 - share) * cells))
    drawn = torch.rand(batch, cells, device=grids.device).topk(kept, dim=1).indices.sort(dim=1).values
    rows = drawn + cells * torch.arange(batch, device=grids.device).unsqueeze(1)
    return grids.reshape(-1, size).index_select(0, rows.flatten()).view(batch, kept, size)
