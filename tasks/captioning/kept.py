"""A frozen encoder's grids for a task's images: found on disk, or computed there when first asked for."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from jaxtyping import Float
from torch import Tensor

from attnbench.tasks.captioning.data.examined import cache_root
from attnbench.tasks.captioning.encoder import Encoder, Grids
from attnbench.tasks.captioning.encoder.row_file import Precision
from attnbench.tasks.captioning.mirrored import pictured
from attnbench.tasks.captioning.picture import Picture


class KeptGrids:
    """The grids of the images that it was made for."""

    def __init__(self, grids: Grids, grid: tuple[int, int]) -> None:
        self.grids = grids
        self.grid = grid

    def __call__(
        self, pictures: Sequence[Picture], checksums: Sequence[str] | None
    ) -> Float[Tensor, "batch cell width"]:
        """Annotations of a batch. Images that are known by nothing else are hashed."""
        known = checksums if checksums is not None else [picture.checksum() for picture in pictures]
        return self.grids.read(self.grids.rows(known))


class Keeping:
    """Where grids are kept, and in which type: bfloat16 has the range of float32, float16 three more bits of precision."""

    def __init__(self, *, cache_dir: str | None, dtype: Precision) -> None:
        self.cache_dir = cache_dir
        self.dtype: Precision = dtype

    def __call__(self, encoder: Encoder, images: Iterable[Mapping[str, Any]]) -> KeptGrids:
        """The grids of these images; those that are missing are computed."""
        grids = Grids(encoder, cache_root(self.cache_dir) / "grids", self.dtype)
        rows = list(images)
        pictures = [pictured(row["image"], row.get("mirrored", False)) for row in rows]
        checksums = [row.get("checksum") or picture.checksum() for row, picture in zip(rows, pictures, strict=True)]
        grids.compute(pictures, checksums)
        assert encoder.size is not None
        return KeptGrids(grids, encoder.grid(*encoder.size))
