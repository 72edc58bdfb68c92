"""Questions on whereabouts are answered by their supporting facts, and by nothing less."""

from typing import Any

import pytest

from attnbench.tasks.babi.whereabouts import LENGTHS, Whereabouts

Row = dict[str, Any]
SIZES = {"train": 1500, "validation": 20, "test": 20}
UNKNOWN = None


def generated(seed: int = 0) -> list[Row]:
    return Whereabouts(seed=seed, sizes=SIZES).load()["train"].to_list()


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return generated()


def answer(facts: list[str], question: str) -> str | None:
    """A reader by rule, backwards through the facts: who had it last, and where that one was last seen before."""
    words, told = question.split(), [fact.split() for fact in facts]
    if words[:2] == ["what", "does"]:
        kept: list[str] = []
        for who, verb, *_, thing in told:
            if who == words[2] and verb in ("took", "grabbed"):
                kept.append(thing)
            elif who == words[2] and verb in ("left", "dropped"):
                kept = [other for other in kept if other != thing]
        return ",".join(kept) or UNKNOWN
    wanted = words[-1]
    if words[2] == "the":
        touched = [at for at, fact in enumerate(told) if fact[-1] == wanted]
        if not touched:
            return UNKNOWN
        at = touched[-1]
        wanted, told = told[at][0], told if told[at][1] in ("took", "grabbed") else told[:at]
    rooms = [fact[-1] for fact in told if fact[0] == wanted and fact[2] == "to"]
    return rooms[-1] if rooms else UNKNOWN


def supporting(row: Row) -> list[str]:
    return [row["facts"][place] for place in sorted(row["support"])]


def test_all_facts_have_the_answer(rows: list[Row]) -> None:
    assert all(answer(row["facts"], row["question"]) == row["answer"] for row in rows)


def test_the_supporting_facts_alone_have_the_answer(rows: list[Row]) -> None:
    assert all(answer(supporting(row), row["question"]) == row["answer"] for row in rows)


def test_no_supporting_fact_can_be_spared(rows: list[Row]) -> None:
    for row in rows:
        for spared in row["support"]:
            fewer = [row["facts"][place] for place in sorted(row["support"]) if place != spared]
            assert answer(fewer, row["question"]) != row["answer"]


def test_a_supporting_fact_has_the_thing_before_the_way(rows: list[Row]) -> None:
    for row in rows:
        if row["task"] == "thing":
            thing, way = (row["facts"][place] for place in row["support"])
            assert thing.split()[-1] == row["question"].split()[-1]
            assert (way.split()[0], way.split()[-1]) == (thing.split()[0], row["answer"])


def test_every_kind_of_question_occurs_and_some_answers_have_several_words(rows: list[Row]) -> None:
    kinds = [row["task"] for row in rows]
    assert all(kinds.count(kind) > len(rows) / 6 for kind in ("person", "thing", "carried"))
    assert sum("," in row["answer"] for row in rows) > 50
    assert {len(row["facts"]) for row in rows} == set(range(LENGTHS[0], LENGTHS[1] + 1))


def test_what_happens_can_happen(rows: list[Row]) -> None:
    """Nobody takes what another has or what lies elsewhere, and nobody leaves what they do not have."""
    for row in rows:
        room: dict[str, str] = {}
        holder: dict[str, str] = {}
        lies: dict[str, str] = {}
        for who, verb, *rest in (fact.split() for fact in row["facts"]):
            if rest[0] == "to":
                assert room.get(who) != rest[-1]
                room[who] = rest[-1]
            elif verb in ("took", "grabbed"):
                assert rest[-1] not in holder
                assert lies.get(rest[-1], room[who]) == room[who]
                holder[rest[-1]] = who
            else:
                assert holder.pop(rest[-1]) == who
                lies[rest[-1]] = room[who]


def test_the_same_seed_gives_the_same_stories_and_another_others() -> None:
    assert generated() == generated()
    assert generated() != generated(seed=1)
