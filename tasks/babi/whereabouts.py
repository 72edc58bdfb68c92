"""Whereabouts: generated stories about who is where and carries what, questions on them, and the facts that answer each.

    ana went to the attic / ben took the lamp / ana went to the cellar / ben went to the porch / ben took the coin
    person    where is ana            -> cellar      from ana's last way
    thing     where is the lamp       -> porch       from who took it (or left it), then from where that one had gone
    carried   what does ben carry     -> lamp,coin   from each taking, in their order

Somebody without a way knows of no room, so that nobody takes or leaves a thing before; what was left somewhere is taken there.
"""

import random
from collections.abc import Iterator
from typing import Any, ClassVar, NamedTuple

from attnbench.tasks.source import Generated

PEOPLE = ("ana", "ben", "cleo", "dan")
ROOMS = ("attic", "cellar", "garden", "kitchen", "library", "porch")
THINGS = ("apple", "book", "coin", "lamp")
WENT = ("went", "walked", "ran")
TOOK = ("took", "grabbed")
LEFT = ("left", "dropped")
LENGTHS = (5, 10)  # facts of a story, fewest and most
MOVES = 0.55  # share of facts in which somebody goes somewhere, where anything else can happen


class Known(NamedTuple):
    """What a question asks for, and the facts that tell, in the order in which they are to be put together."""

    answer: str
    support: list[int]


class World:
    """What has happened so far: each person's last way, who carries what since when, what was left where."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.facts: list[str] = []
        self.room: dict[str, str] = {}
        self.came: dict[str, int] = {}  # the fact by which a person is where it is
        self.carried: dict[str, dict[str, int]] = {
            person: {} for person in PEOPLE
        }  # things, with the fact of the taking
        self.left: dict[str, Known] = {}  # where a thing lies

    def happen(self) -> None:
        """One more fact: somebody goes to another room, takes a thing, or leaves one."""
        person = self.rng.choice(PEOPLE)
        at_hand = [thing for thing in THINGS if self.can_take(person, thing)]
        if person not in self.came or self.rng.random() < MOVES or not (at_hand or self.carried[person]):
            self.go(person)
        elif at_hand and (not self.carried[person] or self.rng.random() < 0.6):
            self.take(person, self.rng.choice(at_hand))
        else:
            self.leave(person, self.rng.choice(list(self.carried[person])))

    def can_take(self, person: str, thing: str) -> bool:
        """Whether nobody carries the thing, and it was not left in another room."""
        held = any(thing in things for things in self.carried.values())
        return not held and (thing not in self.left or self.left[thing].answer == self.room.get(person))

    def go(self, person: str) -> None:
        """The person goes to another room."""
        room = self.rng.choice([room for room in ROOMS if room != self.room.get(person)])
        self.room[person], self.came[person] = room, len(self.facts)
        self.facts.append(f"{person} {self.rng.choice(WENT)} to the {room}")

    def take(self, person: str, thing: str) -> None:
        """The person takes the thing."""
        self.left.pop(thing, None)
        self.carried[person][thing] = len(self.facts)
        self.facts.append(f"{person} {self.rng.choice(TOOK)} the {thing}")

    def leave(self, person: str, thing: str) -> None:
        """The person leaves the thing where it is."""
        del self.carried[person][thing]
        self.left[thing] = Known(self.room[person], [len(self.facts), self.came[person]])
        self.facts.append(f"{person} {self.rng.choice(LEFT)} the {thing}")

    def person(self) -> dict[str, Known]:
        """Questions where somebody is."""
        return {f"where is {who}": Known(self.room[who], [came]) for who, came in self.came.items()}

    def thing(self) -> dict[str, Known]:
        """Questions where something is."""
        held = {
            thing: Known(self.room[who], [taken, self.came[who]])
            for who, things in self.carried.items()
            for thing, taken in things.items()
        }
        return {f"where is the {thing}": known for thing, known in {**held, **self.left}.items()}

    def carrying(self) -> dict[str, Known]:
        """Questions what somebody carries, where it is anything."""
        return {
            f"what does {who} carry": Known(",".join(things), list(things.values()))
            for who, things in self.carried.items()
            if things
        }


class Whereabouts(Generated):
    """Questions on stories of 5 to 10 facts. The columns are those of `BabiFiles`; task is person, thing or carried."""

    name: ClassVar[str] = "whereabouts"

    def rows(self, split: str, seed: int) -> Iterator[dict[str, Any]]:
        """Endless questions, each on a story of its own."""
        rng = random.Random(seed)
        while True:
            world = World(rng)
            for _ in range(rng.randint(*LENGTHS)):
                world.happen()
            kinds = {"person": world.person(), "thing": world.thing(), "carried": world.carrying()}
            task = rng.choice([kind for kind, questions in kinds.items() if questions])
            question, (answer, support) = rng.choice(list(kinds[task].items()))
            yield {
                "facts": world.facts,
                "question": question,
                "answer": answer,
                "support": support,
                "task": task,
            }
