"""The captions' grammar: writes what is true of a scene, and reads back what a caption states.

caption = [opening] thing link relation thing | [opening] thing "with" thing place        thing = "a" size colour shape
"""

from collections.abc import Sequence
from typing import NamedTuple

SIZES = ("small", "large")
COLOURS = ("red", "green", "blue", "yellow")
SHAPES = ("ring", "square", "triangle")
ARTICLE = "a"
OPPOSITE = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}
PLACE = {"left of": "on its left", "right of": "on its right", "above": "above it", "below": "below it"}
FRAMES = (("", "is"), ("", "lies"), ("there is", ""))  # opening, link
OPENINGS = ("", "there is")  # of captions that say where the second thing is
CAPTIONS = len(FRAMES) + len(OPENINGS)  # of a scene


class Kind(NamedTuple):
    """What a caption says of one object."""

    size: str
    colour: str
    shape: str


class Statement(NamedTuple):
    """Object `first` stands in `relation` to object `second`."""

    first: Kind
    relation: str
    second: Kind


class Caption(NamedTuple):
    """A caption's words, and for each of them the object it names: 0 or 1 as in the scene, None where it names none."""

    words: tuple[str, ...]
    named: tuple[int | None, ...]


def captions(kinds: tuple[Kind, Kind], relation: str) -> list[Caption]:
    """All captions of a scene whose object 0 stands in `relation` to its object 1."""
    plain = [joined(kinds, [opening, 0, link, relation, 1]) for opening, link in FRAMES]
    return plain + [joined(kinds, [opening, 0, "with", 1, PLACE[OPPOSITE[relation]]]) for opening in OPENINGS]


def joined(kinds: tuple[Kind, Kind], parts: Sequence[str | int]) -> Caption:
    """A caption from its parts: text, or the number of an object."""
    words: list[str] = []
    named: list[int | None] = []
    for part in parts:
        said = part.split() if isinstance(part, str) else [ARTICLE, *kinds[part]]
        words += said
        named += [None] * len(said) if isinstance(part, str) else [None, *[part] * len(kinds[part])]
    return Caption(tuple(words), tuple(named))


def things(words: Sequence[str]) -> list[tuple[int, Kind]]:
    """Every thing that is mentioned, with the position of its article."""
    return [(at, kind) for at in range(len(words)) if (kind := thing(words[at : at + 4]))]


def thing(words: Sequence[str]) -> Kind | None:
    """What the four words describe, if they are a thing."""
    if len(words) != 4 or words[0] != ARTICLE:
        return None
    kind = Kind(*words[1:])
    return kind if kind.size in SIZES and kind.colour in COLOURS and kind.shape in SHAPES else None


def statement(words: Sequence[str]) -> Statement | None:
    """What a caption states; None where the grammar does not write it."""
    mentioned = things(words)
    if len(mentioned) != 2:
        return None
    (at, first), (then, second) = mentioned
    before, between, after = (" ".join(part) for part in (words[:at], words[at + 4 : then], words[then + 4 :]))
    for relation, opposite in OPPOSITE.items():
        plain = not after and any(
            before == opening and between == f"{link} {relation}".strip() for opening, link in FRAMES
        )
        if plain or (before in OPENINGS and between == "with" and after == PLACE[opposite]):
            return Statement(first, relation, second)
    return None
