"""Which mechanisms nobody beats: the Pareto front of quality against a cost."""

from collections.abc import Mapping
from typing import NamedTuple


class Standing(NamedTuple):
    """What a mechanism costs, and how good it is: more is better."""

    cost: float
    quality: float

    def dominates(self, other: "Standing") -> bool:
        """At most the cost and at least the quality, one of them strictly."""
        return self != other and self.cost <= other.cost and self.quality >= other.quality


def front(found: Mapping[str, Standing]) -> list[str]:
    """Those whom no other dominates, cheapest first; who is equal in both stands on it together."""
    kept = [name for name, mine in found.items() if not any(other.dominates(mine) for other in found.values())]
    return sorted(kept, key=lambda name: found[name])
