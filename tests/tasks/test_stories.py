"""Stories are answered by their evidence and by nothing less."""

from collections import Counter
from typing import Any

import pytest

from attnbench.tasks.reading.stories import ENTITIES, PLACEHOLDER, PLACES, WEATHER, Stories

Row = dict[str, Any]
SIZES = {"train": 2000, "validation": 20, "test": 20}


def stories(seed: int = 0) -> list[Row]:
    return Stories(seed=seed, sizes=SIZES, two_hops=0.3).load()["train"].to_list()


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return stories()


def sentences(words: list[str]) -> list[set[str]]:
    """The words between full stops."""
    result: list[set[str]] = [set()]
    for word in words:
        if word == ".":
            result.append(set())
        else:
            result[-1].add(word)
    return [sentence for sentence in result if sentence]


def evidence(row: Row) -> list[str]:
    return [row["document"][position] for _, position in row["gold"]]


def answers(words: list[str], question: list[str]) -> set[str]:
    """A reader by rule: the weather gives the place, the place and the activity give the entities."""
    asked = set(question) - {PLACEHOLDER, "where", "it", "in"}
    for weather in asked & set(WEATHER):
        places = {w for s in sentences(words) if weather in s for w in s if w in PLACES}
        if not places:
            return set()
        asked = asked - {weather} | places
    return {w for s in sentences(words) if asked <= s for w in s if w in ENTITIES}


def share(rows: list[Row], guesses: list[str | None]) -> float:
    return sum(guess == row["answer"] for row, guess in zip(rows, guesses, strict=True)) / len(rows)


def chance(rows: list[Row]) -> float:
    return sum(1 / len(row["candidates"]) for row in rows) / len(rows)


def test_the_evidence_alone_answers_every_story(rows: list[Row]) -> None:
    assert all(answers(evidence(row), row["question"]) == {row["answer"]} for row in rows)


def test_the_whole_document_has_no_second_answer(rows: list[Row]) -> None:
    assert all(answers(row["document"], row["question"]) == {row["answer"]} for row in rows)


def test_evidence_is_one_whole_sentence_a_hop(rows: list[Row]) -> None:
    for row in rows:
        positions = [position for query, position in row["gold"] if query == 0]
        starts = [at for at in positions if at == 0 or row["document"][at - 1] == "."]
        ends = [at for at in positions if row["document"][at] == "."]
        assert len(positions) == len(row["gold"])
        assert len(starts) == len(ends) == row["hops"] == len(sentences(evidence(row)))
        assert positions == [at for a, b in zip(starts, ends, strict=True) for at in range(a, b + 1)]


def test_two_hops_cannot_be_answered_from_the_answers_own_sentence(rows: list[Row]) -> None:
    for row in rows:
        if row["hops"] == 2:
            own = [word for s in sentences(evidence(row)) if row["answer"] in s for word in s]
            assert answers(own, row["question"]) == set()


def test_an_activity_or_a_place_alone_leaves_two_entities(rows: list[Row]) -> None:
    for row in rows:
        for word in set(row["question"]) - {PLACEHOLDER, "where", "it", "in"} - set(WEATHER):
            assert len(answers(row["document"], [word])) == 2


def test_candidates_are_the_documents_entities_and_hold_the_answer(rows: list[Row]) -> None:
    for row in rows:
        assert row["candidates"] == sorted({word for word in row["document"] if word in ENTITIES})
        assert row["answer"] in row["candidates"]
        assert not set(row["question"]) & set(ENTITIES)


def first(row: Row) -> str:
    return next(word for word in row["document"] if word in ENTITIES)


def last(row: Row) -> str:
    return next(word for word in reversed(row["document"]) if word in ENTITIES)


def frequent(row: Row) -> str:
    return Counter(word for word in row["document"] if word in ENTITIES).most_common(1)[0][0]


def rarest(row: Row) -> str:
    return Counter(word for word in row["document"] if word in ENTITIES).most_common()[-1][0]


def lowest(row: Row) -> str:
    return min(row["candidates"], key=ENTITIES.index)


@pytest.mark.parametrize("guess", [first, last, frequent, rarest, lowest])
def test_a_guess_without_the_question_stays_at_chance(rows: list[Row], guess: Any) -> None:
    assert share(rows, [guess(row) for row in rows]) == pytest.approx(chance(rows), abs=0.04)


def test_matching_words_gets_half_of_the_two_hop_questions_right(rows: list[Row]) -> None:
    """The activity leaves two entities; only the place, which the question does not name, tells them apart."""
    some = [row for row in rows if row["hops"] == 2]
    assert share(some, [max_overlap(row) for row in some]) == pytest.approx(0.5, abs=0.07)


def max_overlap(row: Row) -> str | None:
    """The entity of the first sentence that shares most words with the question."""
    named = [s for s in sentences(row["document"]) if s & set(ENTITIES)]
    best = max(named, key=lambda sentence: len(sentence & set(row["question"])))
    return next(word for word in best if word in ENTITIES)


def test_an_entitys_number_tells_nothing(rows: list[Row]) -> None:
    """Answers are spread evenly over all numbers, so that a renumbering leaves the distribution as it is."""
    counts = Counter(row["answer"] for row in rows)
    expected = len(rows) / len(ENTITIES)
    assert set(counts) == set(ENTITIES)
    assert sum((count - expected) ** 2 / expected for count in counts.values()) < 27.9  # χ² at p = 0.001, 9 degrees


def test_the_share_of_two_hops_is_as_asked(rows: list[Row]) -> None:
    assert sum(row["hops"] == 2 for row in rows) / len(rows) == pytest.approx(0.3, abs=0.04)


def test_the_same_seed_gives_the_same_stories_and_another_seed_others(rows: list[Row]) -> None:
    assert stories(seed=0) == rows
    assert not any(row in rows for row in stories(seed=1)[:50])


def test_no_test_story_stands_in_training() -> None:
    splits = Stories(seed=0, sizes=SIZES, two_hops=0.3).load()
    assert not {tuple(words) for words in splits["test"]["document"]} & {tuple(w) for w in splits["train"]["document"]}


def test_the_checksum_knows_everything_that_decides_the_stories() -> None:
    hashes = {
        Stories(seed=seed, sizes={**SIZES, "test": test}, two_hops=two).checksum()
        for seed in (0, 1)
        for test in (20, 21)
        for two in (0.3, 0.4)
    }
    assert len(hashes) == 8


@pytest.mark.parametrize("two_hops", [-0.1, 1.5])
def test_a_share_of_two_hops_that_is_none_is_refused(two_hops: float) -> None:
    with pytest.raises(ValueError, match=rf"two_hops={two_hops}: must be a share from 0 to 1"):
        Stories(seed=0, sizes=SIZES, two_hops=two_hops)
