"""Long stories are answered by their evidence, pronouns and roles resolved, and by nothing less."""

import re
from collections import Counter
from typing import Any

import pytest

from attnbench.tasks.reading.stories_long import ACTIVITIES, PLACES, PRONOUNS, ROLES, WEATHER, LongStories

Row = dict[str, Any]
SIZES = {"train": 600, "validation": 10, "test": 10}
OPTIONS: dict[str, Any] = {
    "people": 6,
    "meetings": 5,
    "two_hops": 0.4,
    "pronouns": 0.4,
    "roles": 0.3,
}


def stories(seed: int = 0, **options: Any) -> list[Row]:
    return LongStories(seed=seed, **{"sizes": SIZES, **OPTIONS, **options}).load()["train"].to_list()


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return stories()


def sentences(words: list[str]) -> list[list[str]]:
    """The words between full stops."""
    return [part.split() for part in " ".join(words).split(" .") if part.strip()]


def evidence(row: Row) -> list[list[str]]:
    return sentences([row["document"][position] for _, position in row["gold"]])


def is_entity(word: str) -> bool:
    return re.fullmatch(r"@entity\d+", word) is not None


def facts(text: list[list[str]]) -> set[tuple[str, str, str]]:
    """A reader by rule: (entity, activity, place) of all that the sentences tell, in their order."""
    told = [words if words[0] != "in" else words[2:] + words[:2] for words in text if not set(words) & set(WEATHER)]
    roles = {words[2]: words[0] for words in told if is_entity(words[0]) and words[1] == "the"}
    found, named = set(), None
    for words in told:
        if words[0] == "the":
            named = roles.get(words[1])
        elif words[0] not in PRONOUNS:
            named = words[0]
        done, where = set(words) & set(ACTIVITIES), set(words) & set(PLACES)
        if done and where and named:
            found.add((named, *done, *where))
    return found


def answers(text: list[list[str]], question: list[str]) -> set[str]:
    """Whom the question may be about, as far as the sentences tell."""
    (activity,) = set(question) & set(ACTIVITIES)
    places = set(question) & set(PLACES)
    for verb in set(question) & set(WEATHER):
        places |= {word for words in text if verb in words for word in words if word in PLACES}
    return {entity for entity, done, place in facts(text) if done == activity and place in places}


def test_the_evidence_alone_answers_every_question(rows: list[Row]) -> None:
    assert all(answers(evidence(row), row["question"]) == {row["answer"]} for row in rows)


def test_the_whole_document_has_no_second_answer(rows: list[Row]) -> None:
    assert all(answers(sentences(row["document"]), row["question"]) == {row["answer"]} for row in rows)


def test_without_the_evidence_nobody_is_found(rows: list[Row]) -> None:
    for row in rows:
        gold = {position for _, position in row["gold"]}
        rest = [word for position, word in enumerate(row["document"]) if position not in gold]
        assert answers(sentences(rest), row["question"]) == set()


def test_no_sentence_of_the_evidence_can_be_spared(rows: list[Row]) -> None:
    for row in rows:
        for needed in evidence(row):
            rest = [words for words in sentences(row["document"]) if words != needed]
            assert answers(rest, row["question"]) != {row["answer"]}


def test_evidence_is_as_many_whole_sentences_as_hops(rows: list[Row]) -> None:
    for row in rows:
        positions = [position for _, position in row["gold"]]
        whole = sentences(row["document"])
        assert positions == sorted(set(positions))
        assert len(evidence(row)) == row["hops"]
        assert all(words in whole for words in evidence(row))
    assert {row["hops"] for row in rows} == {1, 2, 3}


def test_an_activity_or_a_place_alone_leaves_several_people(rows: list[Row]) -> None:
    for row in rows[:200]:
        told = facts(sentences(row["document"]))
        for word in {word for _, *pair in told for word in pair}:
            assert len({entity for entity, *pair in told if word in pair}) > 1


def first(row: Row) -> str:
    return next(word for word in row["document"] if is_entity(word))


def last(row: Row) -> str:
    return next(word for word in reversed(row["document"]) if is_entity(word))


def frequent(row: Row) -> str:
    return Counter(filter(is_entity, row["document"])).most_common(1)[0][0]


def rarest(row: Row) -> str:
    return Counter(filter(is_entity, row["document"])).most_common()[-1][0]


def busiest(row: Row) -> str:
    return Counter(entity for entity, *_ in sorted(facts(sentences(row["document"])))).most_common(1)[0][0]


def lowest(row: Row) -> str:
    return min(row["candidates"], key=lambda entity: int(entity[7:]))


@pytest.mark.parametrize("guess", [first, last, frequent, rarest, busiest, lowest])
def test_a_guess_without_the_question_stays_at_chance(rows: list[Row], guess: Any) -> None:
    right = sum(guess(row) == row["answer"] for row in rows) / len(rows)
    assert right == pytest.approx(1 / OPTIONS["people"], abs=0.05)  # 3.3 standard errors


def test_candidates_are_the_documents_entities_and_hold_the_answer(rows: list[Row]) -> None:
    for row in rows:
        assert row["candidates"] == sorted(set(filter(is_entity, row["document"])))
        assert len(row["candidates"]) == OPTIONS["people"]
        assert row["answer"] in row["candidates"]
        assert not any(map(is_entity, row["question"]))


def test_shares_are_as_asked(rows: list[Row]) -> None:
    told = [words for row in rows for words in sentences(row["document"]) if set(words) & set(ACTIVITIES)]
    some = [words for words in told if not (any(map(is_entity, words)) and set(words) & set(ROLES))]
    pronouns = sum(bool(set(words) & set(PRONOUNS)) for words in some) / len(some)
    roles = sum(bool(set(words) & set(ROLES)) for words in some) / len(some)
    weather = sum(bool(set(row["question"]) & set(WEATHER)) for row in rows) / len(rows)
    assert (pronouns, roles, weather) == pytest.approx((0.4, 0.3, 0.4), abs=0.06)


def test_stories_grow_with_people_and_meetings_to_500_words() -> None:
    few = {"train": 5, "validation": 1, "test": 1}
    long = [len(row["document"]) for row in stories(people=26, meetings=20, sizes=few)]
    assert 450 < min(long) <= max(long) <= 500
    for people in (3, 30):
        for row in stories(people=people, sizes=few):
            assert answers(evidence(row), row["question"]) == {row["answer"]}


def test_the_same_seed_gives_the_same_stories_and_another_seed_others(rows: list[Row]) -> None:
    few = {**SIZES, "train": 20}
    assert stories(seed=0, sizes=few) == rows[:20]
    assert not any(row in rows for row in stories(seed=1, sizes=few))


def test_the_checksum_knows_everything_that_decides_the_stories() -> None:
    changed = [{"seed": 1}, {"people": 7}, {"meetings": 6}, {"two_hops": 0.5}, {"pronouns": 0.3}, {"roles": 0.2}]
    made = [LongStories(**{"seed": 0, "sizes": SIZES, **OPTIONS, **change}) for change in [{}, *changed]]
    assert len({source.checksum() for source in made}) == len(made)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"people": 2}, "people=2: must be from 3 to 30"),
        ({"people": 31}, "people=31: must be from 3 to 30"),
        ({"meetings": -1}, "meetings=-1: must be 0 or more"),
        ({"roles": 1.5}, "roles=1.5: must be a share from 0 to 1"),
        ({"pronouns": 0.7, "roles": 0.4}, "pronouns=0.7, roles=0.4: must be 1 together at most"),
    ],
)
def test_options_that_make_no_story_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        LongStories(**{"seed": 0, "sizes": SIZES, **OPTIONS, **options})
