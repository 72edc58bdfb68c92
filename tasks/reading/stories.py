"""Stories: generated texts about anonymised entities, a cloze question on each, and the evidence that answers it.

    @entity4 sleeps in oslo . it snows in oslo . in lima @entity9 sleeps . @entity9 knows @entity4 . ...
    one hop    in oslo @placeholder sleeps          -> @entity4, from its sentence
    two hops   @placeholder sleeps where it snows   -> @entity4, from its sentence and that on the snow

In every story each activity is done by two entities and each place holds two, so that neither gives the answer alone. Facts
are alike in all else, entities are numbered anew for each story and sentences shuffled, so that without the question every
actor is as likely as any other.
"""

import hashlib
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

from attnbench.tasks.source import Generated

PLACEHOLDER = "@placeholder"
ENTITIES = tuple(f"@entity{number}" for number in range(10))
ACTIVITIES = ("sleeps", "reads", "waits", "sings", "works", "eats")
PLACES = ("oslo", "lima", "cairo", "delhi", "quito", "rome")
WEATHER = ("rains", "snows", "hails", "thaws", "freezes", "thunders")
SIZES = (2, 3)
MEETINGS = ("greets", "follows", "knows")


class Fact(NamedTuple):
    """An entity does something somewhere."""

    entity: str
    activity: str
    place: str


def written(subject: str, verb: str, where: Sequence[str], rng: random.Random) -> list[str]:
    """`subject verb where` or `where subject verb`, by chance."""
    return [subject, verb, *where] if rng.random() < 0.5 else [*where, subject, verb]


class Story:
    """One story: `size` activities in as many places, each activity in two of them, each by another entity."""

    def __init__(self, size: int, rng: random.Random) -> None:
        self.rng = rng
        activities, places = rng.sample(ACTIVITIES, size), rng.sample(PLACES, size)
        entities = iter(rng.sample(ENTITIES, 2 * size))
        # Activities and places stand alternately around a ring; each neighbourhood is a fact.
        self.facts = [
            Fact(next(entities), activities[index], places[(index + step) % size])
            for index in range(size)
            for step in (0, 1)
        ]
        self.weather = dict(zip(places, rng.sample(WEATHER, size), strict=True))

    def sentences(self) -> list[list[str]]:
        """All facts, then each place's weather, then a few meetings that nothing asks about."""
        facts = [written(f.entity, f.activity, ("in", f.place), self.rng) for f in self.facts]
        weather = [written("it", verb, ("in", place), self.rng) for place, verb in self.weather.items()]
        actors = [fact.entity for fact in self.facts]
        meetings = [self.meeting(*self.rng.sample(actors, 2)) for _ in range(self.rng.randint(0, 2))]
        return [*facts, *weather, *meetings]

    def meeting(self, one: str, other: str) -> list[str]:
        """A sentence in which one entity does something to another."""
        return [one, self.rng.choice(MEETINGS), other]

    def row(self, hops: int) -> dict[str, Any]:
        """The story as columns, with a question that takes one or two sentences to answer."""
        sentences = self.sentences()
        asked = self.rng.randrange(len(self.facts))
        fact, places = self.facts[asked], list(self.weather)
        evidence = {asked} if hops == 1 else {asked, len(self.facts) + places.index(fact.place)}
        where = ("in", fact.place) if hops == 1 else ("where", "it", self.weather[fact.place])
        order = self.rng.sample(range(len(sentences)), len(sentences))
        document: list[str] = []
        gold = []
        for number in order:
            sentence = [*sentences[number], "."]
            gold += [[0, len(document) + at] for at in range(len(sentence)) if number in evidence]
            document += sentence
        return {
            "document": document,
            "question": written(PLACEHOLDER, fact.activity, where, self.rng),
            "answer": fact.entity,
            "candidates": sorted({word for word in document if word in ENTITIES}),
            "gold": gold,
            "hops": hops,
        }


class Stories(Generated):
    """Cloze questions on stories of 30 to 70 words; `two_hops` is the share of questions that take two sentences.

    Columns document and question (lists of words), answer, candidates (the document's entities), gold (links [0, position] to the
    words of the evidence) and hops.
    """

    name: ClassVar[str] = "stories"

    def __init__(self, *, seed: int, sizes: Mapping[str, int], two_hops: float) -> None:
        super().__init__(seed=seed, sizes=sizes)
        if not 0 <= two_hops <= 1:
            raise ValueError(f"two_hops={two_hops}: must be a share from 0 to 1")
        self.two_hops = two_hops

    def checksum(self) -> str:
        """Hash of the generator's code, seed, sizes and share of two hops."""
        return hashlib.sha256(f"{super().checksum()} {self.two_hops}".encode()).hexdigest()

    def rows(self, split: str, seed: int) -> Iterator[dict[str, Any]]:
        """Endless stories."""
        rng = random.Random(seed)
        while True:
            story = Story(rng.choice(SIZES), rng)
            yield story.row(hops=2 if rng.random() < self.two_hops else 1)
