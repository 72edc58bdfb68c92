"""A file of rows that is read where it lies, and not held."""

import mmap
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor


class Mapped:
    """The first `count` rows of a file, mapped into memory: read when asked for, then left to the system's cache.

    Else a process would seem to hold all that it ever read, and one that reads at random soon the whole file.
    """

    def __init__(self, file: Path, count: int, shape: tuple[int, int], dtype: torch.dtype) -> None:
        numbers = count * shape[0] * shape[1]
        with file.open("rb") as opened:
            # A copy on write, of which nothing is written: torch wants memory that may be.
            self.pages = mmap.mmap(opened.fileno(), numbers * dtype.itemsize, access=mmap.ACCESS_COPY)
        self.rows = torch.frombuffer(self.pages, dtype=dtype, count=numbers).view(count, *shape)

    def __len__(self) -> int:
        return len(self.rows)

    def read(self, numbers: Int[Tensor, " row"]) -> Float[Tensor, "row cell width"]:
        """The rows of those numbers, copied."""
        found = self.rows[numbers]
        if hasattr(mmap, "MADV_DONTNEED"):  # not on Windows
            self.pages.madvise(mmap.MADV_DONTNEED)
        return found
