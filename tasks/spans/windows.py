"""Long documents in windows: each word is read in the window in which it has most around it."""

from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


class Windows(NamedTuple):
    """How a batch of documents is parted into windows, and put together again."""

    reads: Int[Tensor, "window width"]  # which word of the flattened batch each position reads
    mask: Bool[Tensor, "window width"]  # where a window has words
    places: Int[Tensor, "batch memory"]  # at which position of the flattened windows each word is read

    def split(self, document: Float[Tensor, "batch memory size"]) -> Float[Tensor, "window width size"]:
        """The documents' words window by window."""
        return document.flatten(0, 1)[self.reads]

    def join(self, windows: Float[Tensor, "window width size"]) -> Float[Tensor, "batch memory size"]:
        """What was made of each word in its window, document by document; of padding, what is made of some word."""
        return windows.flatten(0, 1)[self.places]


class Parting(NamedTuple):
    """Windows of at most `width` words, one every `stride`."""

    width: int
    stride: int

    def starts(self, length: int) -> list[int]:
        """Where the windows of a document of that many words start; they cover all of it."""
        return list(range(0, max(1, length - self.width + self.stride), self.stride))

    def owners(self, length: int) -> list[int]:
        """For each word the number of the window in which it stands farthest from where the text is cut."""
        starts = self.starts(length)
        ends = [min(start + self.width, length) for start in starts]
        turns = [
            start + end - 1 for start, end in zip(starts[1:], ends, strict=False)
        ]  # twice the middle of an overlap
        return [bisect_left(turns, 2 * word) for word in range(length)]

    def holding(self, length: int, first: int, last: int) -> tuple[int, int]:
        """From where to where the window goes that has the words from `first` to `last` nearest to its middle.

        Where none of the windows holds all of them, one is made that does, or else begins with the first.
        """
        windows = [(start, min(start + self.width, length)) for start in self.starts(length)]
        whole = [(start, end) for start, end in windows if start <= first and last < end]
        if whole:
            return max(whole, key=lambda window: min(first - window[0], window[1] - 1 - last))
        spare = max(0, self.width - (last - first + 1)) // 2
        start = max(0, min(first - spare, length - self.width))
        return start, min(start + self.width, length)

    def windows(self, lengths: Sequence[int]) -> Windows | None:
        """The windows of documents of those lengths, padded to the longest; None where each fits into one."""
        memory = max(lengths)
        if memory <= self.width:
            return None
        reads: list[Tensor] = []
        places = torch.zeros(len(lengths), memory, dtype=torch.long)
        for row, length in enumerate(lengths):
            starts = self.starts(length)
            shift = torch.tensor([(len(reads) + n) * self.width - start for n, start in enumerate(starts)])
            places[row, :length] = torch.arange(length) + shift[torch.tensor(self.owners(length))]
            reads += [row * memory + torch.arange(start, min(start + self.width, length)) for start in starts]
        table, mask = torch.zeros(len(reads), self.width, dtype=torch.long), torch.zeros(len(reads), self.width).bool()
        for number, those in enumerate(reads):
            table[number, : len(those)], mask[number, : len(those)] = those, True
        return Windows(table, mask, places)
