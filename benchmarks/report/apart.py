"""Marks whose intervals would hide each other, side by side."""

from collections.abc import Sequence

NEAR, ASIDE = 3.0, 8.0  # units of the drawing: marks nearer than this are set this far apart


def apart(places: Sequence[float]) -> list[float]:
    """The places, but those whose intervals would hide each other side by side around their middle, in their order."""
    found = list(places)
    groups: list[list[int]] = []
    for index in sorted(range(len(places)), key=lambda index: places[index]):
        if groups and places[index] - places[groups[-1][0]] < NEAR:
            groups[-1].append(index)
        else:
            groups.append([index])
    for group in groups:
        middle = sum(places[index] for index in group) / len(group)
        for step, index in enumerate(sorted(group)):
            found[index] = middle + ASIDE * (step - (len(group) - 1) / 2) if len(group) > 1 else places[index]
    return found
