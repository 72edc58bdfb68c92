"""Entity numbers of a document by itself: whatever the data set called an entity, no name means anything in another document."""

import random
import re
from collections.abc import Collection, Sequence
from typing import Literal, NamedTuple

Numbering = Literal["first_mention", "shuffled", "given"]
PLACEHOLDER = "@placeholder"
MARKER = re.compile(r"@entity\d+")


class Example(NamedTuple):
    """A document with its question. `name` is what messages call it, `entities` the words that stand for one."""

    name: str
    identity: str
    document: list[str]
    question: list[str]
    answer: str
    entities: Collection[str]


def markers(words: Sequence[str]) -> set[str]:
    """The words of the form @entity7."""
    return {word for word in words if MARKER.fullmatch(word)}


def renumbered(example: Example, numbering: Numbering, seed: int) -> Example:
    """The example with its entities numbered from 0.

    `first_mention`: in the order in which document and then question mention them (Chen et al. 2016, §3.2). `shuffled`: the same
    numbers in an order that (seed, identity) draws, so that neither a number nor its place among others tells how early an
    entity comes. `given`: as they were.
    """
    if numbering == "given":
        return example
    order = dict.fromkeys(word for word in [*example.document, *example.question] if word in example.entities)
    numbers = list(range(len(order)))
    if numbering == "shuffled":
        random.Random(f"{seed} {example.identity}").shuffle(numbers)
    names = {word: f"@entity{number}" for word, number in zip(order, numbers, strict=True)}
    return example._replace(
        document=[names.get(word, word) for word in example.document],
        question=[names.get(word, word) for word in example.question],
        answer=names.get(example.answer, example.answer),
        entities=set(names.values()),
    )
