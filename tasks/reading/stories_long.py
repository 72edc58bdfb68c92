"""Long stories: whoever does something may be told by name, by a pronoun or by a role, and each must be resolved.

    @entity4 the baker sings in rome . she sleeps in oslo . it snows in lima . the baker reads in cairo . ...
    in rome @placeholder sings            -> @entity4: its sentence
    in oslo @placeholder sleeps           -> @entity4: its sentence, and the one before it, which says who `she` is
    @placeholder reads where it rains     -> @entity4: its sentence, that on the rain, and the one that says who the baker is

The first fact of each person introduces it by name and role. A pronoun stands for the subject of the last sentence before it
that names a person, a role for the one who has it; no two of a story have the same. No sentence does nothing but introduce:
readers would learn to take names from there, where no answer is. Each activity and each place belongs to two entities or more,
so that neither gives the answer alone. Whom a question asks for is drawn before anything that the text shows of them: how often,
and where, they are mentioned tells nothing.
"""

import hashlib
import inspect
import random
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any, ClassVar, NamedTuple

from attnbench.tasks.reading import stories
from attnbench.tasks.reading.stories import PLACEHOLDER, written
from attnbench.tasks.source import Generated

ROLES = (
    *("baker", "doctor", "traveller", "teacher", "painter", "farmer", "sailor", "judge", "singer", "tailor"),
    *("pilot", "miner", "potter", "smith", "hunter", "dancer", "writer", "guard", "driver", "cook"),
    *("nurse", "clerk", "mayor", "monk", "banker", "barber", "jeweller", "weaver", "porter", "gardener"),
)
ACTIVITIES = (
    *("sleeps", "reads", "waits", "sings", "works", "eats"),
    *("walks", "paints", "studies", "drinks", "rests", "writes"),
)
PLACES = ("oslo", "lima", "cairo", "delhi", "quito", "rome", "paris", "tunis", "kyoto", "accra", "sofia", "riga")
WEATHER = (
    *("rains", "snows", "hails", "thaws", "freezes", "thunders"),
    *("drizzles", "pours", "storms", "clears", "sleets", "blows"),
)
MEETINGS = ("greets", "follows", "knows", "calls", "visits", "thanks")
PRONOUNS = ("she", "he")
FEWEST, MOST = 3, len(ROLES)  # people of a story
FACTS = 2  # what each of them does, on average
MARKERS = 2  # entity numbers that are drawn from, for each of them


class Person(NamedTuple):
    """Who is spoken of, and by which words."""

    entity: str
    role: str
    pronoun: str


class Sentence(NamedTuple):
    """Its words, the person that is its subject, and, of a fact, what is done where."""

    words: list[str]
    subject: Person | None = None
    fact: tuple[str, str] | None = None
    pronoun: bool = False


class Shares(NamedTuple):
    """How likely a fact that introduces nobody is told with a pronoun, or with a role; else by name."""

    pronouns: float
    roles: float


class LongStory:
    """One story of so many people."""

    def __init__(self, people: int, meetings: int, shares: Shares, rng: random.Random) -> None:
        self.rng = rng
        markers, roles = rng.sample(range(MARKERS * people), people), rng.sample(ROLES, people)
        self.people = [
            Person(f"@entity{marker}", role, rng.choice(PRONOUNS)) for marker, role in zip(markers, roles, strict=True)
        ]
        size = min(people, len(PLACES))
        self.activities, self.places = rng.sample(ACTIVITIES, size), rng.sample(PLACES, size)
        self.weather = dict(zip(self.places, rng.sample(WEATHER, size), strict=True))
        self.facts = self.told_apart(FACTS * people)
        self.introductions: dict[Person, Sentence] = {}
        self.sentences = self.ordered([self.told(fact, shares) for fact in self.facts.items()], meetings)

    def told_apart(self, count: int) -> dict[tuple[str, str], Person]:
        """Who does what where: facts of which each activity and each place has two or more, by different people."""
        size = len(self.places)
        ring = [(index, (index + step) % size) for index in range(size) for step in (0, 1)]
        others = [(first, second) for first in range(size) for second in range(size) if (second - first) % size > 1]
        cells = ring + self.rng.sample(others, count - len(ring))
        pairs = [(self.activities[first], self.places[second]) for first, second in cells]
        while True:
            doers = self.people + self.rng.choices(self.people, k=count - len(self.people))
            self.rng.shuffle(doers)
            facts = dict(zip(pairs, doers, strict=True))
            does = {word: {doer for pair, doer in facts.items() if word in pair} for pair in pairs for word in pair}
            if all(len(those) > 1 for those in does.values()):
                return facts

    def told(self, fact: tuple[tuple[str, str], Person], shares: Shares) -> Sentence:
        """A fact in a sentence: a person's first introduces it, others tell their subject in one of the three ways."""
        (activity, place), person = fact
        chance = self.rng.random()
        if person not in self.introductions:
            subject = [person.entity, "the", person.role]
        elif chance < shares.pronouns:
            subject = [person.pronoun]
        else:
            subject = ["the", person.role] if chance < shares.pronouns + shares.roles else [person.entity]
        words = said(subject, activity, place, self.rng)
        sentence = Sentence(words, person, (activity, place), pronoun=subject == [person.pronoun])
        self.introductions.setdefault(person, sentence)
        return sentence

    def ordered(self, facts: list[Sentence], meetings: int) -> list[Sentence]:
        """All sentences: whom a pronoun stands for is introduced before it, with nobody named between."""
        introduced = [
            [introduction, *(fact for fact in facts if fact.pronoun and fact.subject == person)]
            for person, introduction in self.introductions.items()
        ]
        others = [fact for fact in facts if not fact.pronoun and fact not in self.introductions.values()]
        alone = [[fact] for fact in others] + [[self.meeting()] for _ in range(meetings)]
        parts = introduced + alone
        while True:
            self.rng.shuffle(parts)
            # Were it the same person who was named last, the introduction would tell nothing: it would be no evidence.
            following = [(before[-1], after) for before, after in pairwise(parts) if len(after) > 1]
            if all(before.subject != after[0].subject for before, after in following):
                break
        sentences = [sentence for part in parts for sentence in part]
        for place, verb in self.weather.items():
            place_words = written("it", verb, ("in", place), self.rng)
            sentences.insert(self.rng.randint(0, len(sentences)), Sentence([*place_words, "."]))
        return sentences

    def meeting(self) -> Sentence:
        """Somebody does something to somebody else, which nothing asks about."""
        one, other = self.rng.sample(self.people, 2)
        named = [one.entity] if self.rng.random() < 0.5 else ["the", one.role]
        return Sentence([*named, self.rng.choice(MEETINGS), "the", other.role, "."], one)

    def row(self, *, weather: bool) -> dict[str, Any]:
        """The story as columns, with a question that names the place, or the weather there."""
        person = self.rng.choice(self.people)
        activity, place = asked = self.rng.choice([pair for pair, doer in self.facts.items() if doer == person])
        where = ("where", "it", self.weather[place]) if weather else ("in", place)
        evidence = self.evidence(asked, person, weather=weather)
        document: list[str] = []
        gold = []
        for number, sentence in enumerate(self.sentences):
            if number in evidence:
                gold += [[0, len(document) + at] for at in range(len(sentence.words))]
            document += sentence.words
        return {
            "document": document,
            "question": written(PLACEHOLDER, activity, where, self.rng),
            "answer": person.entity,
            "candidates": sorted(one.entity for one in self.people),
            "gold": gold,
            "hops": len(evidence),
        }

    def evidence(self, asked: tuple[str, str], person: Person, *, weather: bool) -> set[int]:
        """The numbers of the sentences that it takes: the fact's, the weather's, and whichever says who is meant."""
        fact = next(number for number, sentence in enumerate(self.sentences) if sentence.fact == asked)
        numbers = {fact}
        if person.entity not in self.sentences[fact].words:
            numbers.add(self.sentences.index(self.introductions[person]))
        if weather:
            verb = self.weather[asked[1]]
            numbers.add(next(number for number, one in enumerate(self.sentences) if verb in one.words))
        return numbers


def said(subject: list[str], activity: str, place: str, rng: random.Random) -> list[str]:
    """`subject activity in place .` or `in place subject activity .`, by chance."""
    return [*subject, activity, "in", place, "."] if rng.random() < 0.5 else ["in", place, *subject, activity, "."]


class LongStories(Generated):
    """Cloze questions on stories of 12 words for each of `people`, 5 for each place (12 places at most) and each of `meetings`.

    `two_hops` is the share of questions that name the weather instead of the place, `pronouns` and `roles` the shares of facts
    that are told without a name, among those that introduce nobody. Columns as of `Stories`; hops is the number of sentences
    that it takes, from 1 to 3.
    """

    name: ClassVar[str] = "stories_long"

    def __init__(
        self,
        *,
        seed: int,
        sizes: Mapping[str, int],
        people: int,
        meetings: int,
        two_hops: float,
        pronouns: float,
        roles: float,
    ) -> None:
        super().__init__(seed=seed, sizes=sizes)
        if not FEWEST <= people <= MOST:
            raise ValueError(f"people={people}: must be from {FEWEST} to {MOST}")
        if meetings < 0:
            raise ValueError(f"meetings={meetings}: must be 0 or more")
        for key, share in {"two_hops": two_hops, "pronouns": pronouns, "roles": roles}.items():
            if not 0 <= share <= 1:
                raise ValueError(f"{key}={share}: must be a share from 0 to 1")
        if pronouns + roles > 1:
            raise ValueError(f"pronouns={pronouns}, roles={roles}: must be 1 together at most")
        self.people, self.meetings, self.two_hops = people, meetings, two_hops
        self.shares = Shares(pronouns, roles)

    def checksum(self) -> str:
        """Hash of the generator's code, that of `stories` too, and of all options."""
        told = (super().checksum(), inspect.getsource(stories), self.people, self.meetings, self.two_hops, *self.shares)
        return hashlib.sha256(repr(told).encode()).hexdigest()

    def rows(self, split: str, seed: int) -> Iterator[dict[str, Any]]:
        """Endless stories."""
        rng = random.Random(seed)
        while True:
            story = LongStory(self.people, self.meetings, self.shares, rng)
            yield story.row(weather=rng.random() < self.two_hops)
