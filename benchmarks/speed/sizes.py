"""How large a mechanism's inputs are, and which size grows."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple


class Sizes(NamedTuple):
    """The four numbers that decide the cost; queries, keys and values are all `hidden` wide."""

    batch: int
    queries: int
    memory: int
    hidden: int

    def __str__(self) -> str:
        return "×".join(map(str, self))

    @property
    def cousin(self) -> "Sizes":
        """A small relative: every size cut to one that is quickly computed and no round number; the width is kept."""
        return Sizes(min(self.batch, 3), min(self.queries, 7), min(self.memory, 67), self.hidden)


DIMENSIONS = Sizes._fields
Growth = Mapping[str, Sequence[int]]


def grown(base: Sizes, growth: Growth) -> Iterator[Sizes]:
    """Every size once: each dimension grows by itself, the others stay at the base; the base alone where nothing grows."""
    found = [base._replace(**{name: value}) for name, values in growth.items() for value in values]
    yield from dict.fromkeys(found or [base])
