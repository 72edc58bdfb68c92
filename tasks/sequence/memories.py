"""What a decoder reads: one prepared memory, or one for each of its places of attention."""

from jaxtyping import Bool, Int
from torch import Tensor

from attnbench.attention import Memory

Memories = Memory | tuple[Memory, ...]


def selected(memory: Memories, examples: Int[Tensor, " examples"]) -> Memories:
    """That of the given examples, in that order."""
    return memory.select(examples) if isinstance(memory, Memory) else tuple(place.select(examples) for place in memory)


def visible(memory: Memories) -> Bool[Tensor, "batch memory"]:
    """Which positions of each example may be looked at; the same in all places."""
    return (memory if isinstance(memory, Memory) else memory[0]).mask.any(dim=1)
