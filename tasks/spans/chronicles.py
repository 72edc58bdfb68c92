"""Chronicles: generated texts on who did what where and when, a question in other words on each, and which words correspond.

    Ada Brand built the boat of New Alden in 1841. In 1790 the road of Esk was built by Max Olm. ...
    Who erected the vessel?   -> Ada Brand      When was the vessel erected?   -> 1841

Each deed is done to two things and each thing meets with two deeds, so that neither alone tells the sentence. Questions have
another word for both, so that no word of them stands in the document but those that all questions have.
"""

import random
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from attnbench.tasks.source import Generated
from attnbench.tasks.spans.tokens import words_of

DEEDS = {
    "built": "erected",
    "bought": "purchased",
    "mended": "repaired",
    "painted": "coloured",
    "burnt": "torched",
    "found": "discovered",
    "hid": "concealed",
    "drew": "sketched",
}
THINGS = {
    "boat": "vessel",
    "house": "dwelling",
    "road": "path",
    "shop": "store",
    "wood": "forest",
    "church": "chapel",
    "hill": "mound",
    "pond": "pool",
}
FIRST = ("Ada", "Max", "Ida", "Tom", "Una", "Leo", "Eva", "Sam")
LAST = ("Brand", "Olm", "Reed", "Frost", "Hale", "Marsh", "Voss", "Kerr")
PLACES = ("New Alden", "Esk", "Port Sel", "Mirren", "East Holm", "Tarn", "Old Ruthven", "Lyde")
QUESTIONS = {
    "who": "Who {deed} the {thing}?",
    "when": "When was the {thing} {deed}?",
    "where": "Where is the {thing} that was {deed}?",
}
SIZES = (2, 3)


class Chronicle:
    """One text: `size` deeds and as many things around a ring, each neighbourhood a sentence."""

    def __init__(self, size: int, rng: random.Random) -> None:
        self.rng = rng
        deeds, things = rng.sample(list(DEEDS), size), rng.sample(list(THINGS), size)
        pairs = [(deeds[index], things[(index + step) % size]) for index in range(size) for step in (0, 1)]
        count = len(pairs)
        who = [f"{first} {last}" for first, last in zip(rng.sample(FIRST, count), rng.sample(LAST, count), strict=True)]
        when = map(str, rng.sample(range(1500, 1900), count))
        self.facts = [
            {"deed": deed, "thing": thing, "who": person, "where": place, "when": year}
            for (deed, thing), person, place, year in zip(pairs, who, rng.sample(PLACES, count), when, strict=True)
        ]
        rng.shuffle(self.facts)

    def row(self, name: str) -> dict[str, Any]:
        """The text as columns, with a question."""
        asked, kind = self.rng.choice(self.facts), self.rng.choice(list(QUESTIONS))
        sentences = [self.sentence(fact) for fact in self.facts]
        place = self.facts.index(asked)
        before = sum(len(sentence) + 1 for sentence in sentences[:place])
        document = " ".join(sentences)
        said = {asked["deed"]: DEEDS[asked["deed"]], asked["thing"]: THINGS[asked["thing"]]}
        question = QUESTIONS[kind].format(deed=DEEDS[asked["deed"]], thing=THINGS[asked["thing"]])
        return {
            "id": name,
            "document": document,
            "question": question,
            "answers": [asked[kind]],
            "starts": [before + sentences[place].index(asked[kind])],
            "gold": links(words_of(document).words, words_of(question).words, said),
        }

    def sentence(self, fact: dict[str, str]) -> str:
        """The fact in one of two forms, by chance."""
        if self.rng.random() < 0.5:
            return "{who} {deed} the {thing} of {where} in {when}.".format(**fact)
        return "In {when} the {thing} of {where} was {deed} by {who}.".format(**fact)


def links(document: Sequence[str], question: Sequence[str], said: dict[str, str]) -> list[list[int]]:
    """[position, position in the question] of each word of the document for which the question has another."""
    return [[place, question.index(said[word])] for place, word in enumerate(document) if word in said]


class Chronicles(Generated):
    """Questions on texts of 50 to 80 words.

    Columns id, document, question, answers, starts, and gold: links from words of the document to those of the question that
    mean the same.
    """

    name: ClassVar[str] = "chronicles"

    def rows(self, split: str, seed: int) -> Iterator[dict[str, Any]]:
        """Endless texts."""
        rng = random.Random(seed)
        number = 0
        while True:
            yield Chronicle(rng.choice(SIZES), rng).row(f"{split}-{number}")
            number += 1
