"""Phrases: a generated pair of small languages, with the true word alignment.

The source is SVO with adjectives before their noun; the target is verb-final in every clause, puts adjectives behind the
noun, lets determiner and adjectives agree with the noun's gender and number, and writes tense as a particle that opens the
clause. What stands at a clause's end in the target stood behind its subject in the source, up to a dozen words away.

Links are sure, but for those of determiners, which say something of the source's determiner and something of its noun: both are
possible, neither is sure (Och & Ney 2003, section 5).

    the small dogs near a house saw the bird   ->   PAST the-f-pl dog-pl small-f-pl a-m house near the-n bird see-pl
"""

import random
from collections.abc import Iterator
from typing import Any, ClassVar, NamedTuple

from attnbench.tasks.source import Generated

GENDERS = ("a", "o", "u")
CONSONANTS = "bdfgklmnprstvz"
VOWELS = "aeiou"
LANGUAGE_SEED = 2015  # the two languages are the same for every data seed: it draws sentences alone


class Word(NamedTuple):
    """A target word and the source positions that it translates; of several none is sure."""

    form: str
    sources: tuple[int, ...]


class Lexeme(NamedTuple):
    """A source stem and its target stem; nouns have a gender."""

    source: str
    target: str
    gender: str = ""


def lexicon() -> dict[str, list[Lexeme]]:
    """The words of both languages by class: distinct stems of two syllables in the source, three in the target."""
    rng = random.Random(LANGUAGE_SEED)
    taken: set[str] = set()

    def stem(syllables: int) -> str:
        while True:
            made = "".join(rng.choice(CONSONANTS) + rng.choice(VOWELS) for _ in range(syllables))
            if made not in taken:
                taken.add(made)
                return made

    sizes = {"noun": 120, "adjective": 40, "verb": 50, "preposition": 10, "adverb": 12}
    return {
        kind: [Lexeme(stem(2), stem(3), rng.choice(GENDERS) if kind == "noun" else "") for _ in range(size)]
        for kind, size in sizes.items()
    }


class Sentence:
    """One sentence under construction: source words are written in order, target words carry what they translate."""

    def __init__(self, words: dict[str, list[Lexeme]], rng: random.Random) -> None:
        self.words = words
        self.rng = rng
        self.source: list[str] = []

    def write(self, form: str) -> int:
        """Adds a source word; its position."""
        self.source.append(form)
        return len(self.source) - 1

    def pick(self, kind: str) -> Lexeme:
        """A word of a class; low-numbered ones are likelier, as in real text."""
        words = self.words[kind]
        return words[int(len(words) * self.rng.random() ** 1.5)]

    def noun_phrase(self, depth: int) -> tuple[list[Word], bool]:
        """Determiner, adjectives, noun, and perhaps a prepositional phrase; whether it is plural."""
        rng = self.rng
        plural, definite = rng.random() < 0.4, rng.random() < 0.6
        determiner = self.write(("the" if definite else "some") if plural else ("the" if definite else "a"))
        count = rng.choice([0, 0, 1, 1, 2])
        adjectives = [(lexeme := self.pick("adjective"), self.write(lexeme.source)) for _ in range(count)]
        noun = self.pick("noun")
        position = self.write(noun.source + ("s" if plural else ""))
        ending = noun.gender + ("n" if plural else "")
        target = [
            Word(("l" if definite else "h") + ending, (determiner, position)),
            Word(noun.target + ("ri" if plural else ""), (position,)),
            *(Word(lexeme.target + ending, (at,)) for lexeme, at in adjectives),
        ]
        if depth and rng.random() < 0.3:
            preposition = self.pick("preposition")
            at = self.write(preposition.source)
            inner, _ = self.noun_phrase(depth - 1)
            target += [*inner, Word(preposition.target, (at,))]
        return target, plural

    def clause(self, depth: int) -> list[Word]:
        """Subject, adverb, verb, object in the source; tense particle, subject, object, adverb, verb in the target."""
        rng = self.rng
        past = rng.random() < 0.5
        subject, plural = self.noun_phrase(depth)
        adverb = None
        if rng.random() < 0.3:
            lexeme = self.pick("adverb")
            adverb = Word(lexeme.target, (self.write(lexeme.source),))
        verb = self.pick("verb")
        # The source marks number in the present alone; the target always does, so it is read off the subject.
        at = self.write(verb.source + ("ed" if past else "" if plural else "s"))
        direct = self.noun_phrase(depth)[0] if rng.random() < 0.8 else []
        ending = "men" if plural else "ti"
        return [
            Word("ke" if past else "je", (at,)),
            *subject,
            *direct,
            *([adverb] if adverb else []),
            Word(verb.target + ending, (at,)),
        ]

    def whole(self) -> list[Word]:
        """One clause, or two joined by a conjunction that the target puts last."""
        if self.rng.random() < 0.65:
            return self.clause(2)
        first = self.clause(1)
        conjunction = self.write("because" if (because := self.rng.random() < 0.5) else "while")
        second = self.clause(1)
        return [*first, *second, Word("sau" if because else "dom", (conjunction,))]


class Phrases(Generated):
    """Sentence pairs of 3 to about 25 words: columns source and target (lists of words), gold (links [target, source]) and
    possible (those of gold that are not sure).
    """

    name: ClassVar[str] = "phrases"

    def rows(self, split: str, seed: int) -> Iterator[dict[str, Any]]:
        """Endless sentence pairs."""
        rng = random.Random(seed)
        words = lexicon()
        while True:
            sentence = Sentence(words, rng)
            target = sentence.whole()
            gold = [[query, position] for query, word in enumerate(target) for position in word.sources]
            possible = [link for link in gold if len(target[link[0]].sources) > 1]
            forms = [word.form for word in target]
            yield {"source": sentence.source, "target": forms, "gold": gold, "possible": possible}
