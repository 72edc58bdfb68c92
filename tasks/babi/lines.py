"""The lines of a bAbI file: numbered statements and questions, story after story.

    1 Mary moved to the bathroom.
    2 John went to the hallway.
    3 Where is Mary? <tab> bathroom <tab> 1

Numbers rise by one and start at 1 again with each story. A question has its answer and the numbers of its supporting facts,
statements of the same story that stand before it; an answer of several words has commas between them.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from attnbench.tasks.source import DataError
from attnbench.tasks.translation.parallel import read_lines

FIELDS = 3  # of a question's line, with tabs between them: question, answer, supporting facts
SHOWN = 40  # characters of a line that a message quotes


class Question(NamedTuple):
    """A question on what its story has told so far; `support` are places among the facts, in the file's order."""

    facts: tuple[str, ...]
    question: str
    answer: str
    support: list[int]


class Story:
    """One story as it is read: `place` says of which line's fact it is the place among the facts."""

    def __init__(self) -> None:
        self.facts: list[str] = []
        self.place: dict[int, int] = {}
        self.questions: list[Question] = []


def read_stories(path: Path) -> list[list[Question]]:
    """The questions of each story of a file, gzipped or not. Raises DataError, naming file and line, for what is broken."""
    lines, _ = read_lines(path)
    stories: list[Story] = []
    number = 0
    for at, line in enumerate(lines, start=1):
        where = f"{path}: line {at}"
        head, _, rest = line.partition(" ")
        if not (head.isascii() and head.isdigit()):
            raise DataError(f"{where} is {line[:SHOWN]!r}: should begin with its number and a blank")
        if int(head) == 1 and (not stories or number > 1):
            close(stories, f"{path}: line {at - 1}")
            stories.append(Story())
        elif int(head) != number + 1 or not stories:
            raise DataError(f"{where} has number {head}: should be {number + 1}, or 1 where a story begins")
        number = int(head)
        take(stories[-1], number, rest, where)
    close(stories, f"{path}: line {len(lines)}")
    if not stories:
        raise DataError(f"{path}: is empty; should hold numbered statements and questions")
    return [story.questions for story in stories]


def close(stories: Sequence[Story], where: str) -> None:
    """Raises DataError if the last story, which ends there, asks nothing."""
    if stories and not stories[-1].questions:
        raise DataError(f"{where} ends a story that asks nothing: a question should come before the next story")


def take(story: Story, number: int, rest: str, where: str) -> None:
    """Adds a line to its story. Raises DataError for a line that is none."""
    fields = rest.split("\t")
    if len(fields) == 1:
        story.place[number] = len(story.facts)
        story.facts.append(some(plain(rest), "statement", where))
        return
    if len(fields) != FIELDS:
        raise DataError(
            f"{where} has {len(fields)} fields with tabs between them: a question has {FIELDS} (question, answer, supporting "
            "facts), a statement 1"
        )
    question, answer, support = some(plain(fields[0]), "question", where), fields[1].strip().lower(), fields[2].split()
    if not story.facts:
        raise DataError(f"{where} asks of an empty story: a statement should come before the first question")
    if not all(word.strip() == word and word for word in answer.split(",")):
        raise DataError(f"{where} has answer {fields[1]!r}: should be a word, or words with commas between them")
    places = [supporting(story, fact, where) for fact in support]
    if not places or len(set(places)) < len(places):
        raise DataError(f"{where} has supporting facts {fields[2]!r}: should be numbers of statements, each once")
    story.questions.append(Question(tuple(story.facts), question, answer, places))


def supporting(story: Story, fact: str, where: str) -> int:
    """The place of a supporting fact. Raises DataError if there is none of that number."""
    if not (fact.isascii() and fact.isdigit() and int(fact) in story.place):
        raise DataError(f"{where} names supporting fact {fact}: the story has no statement of that number before it")
    return story.place[int(fact)]


def plain(text: str) -> str:
    """Lower-cased words with blanks between them, without the full stop or question mark at the end."""
    return " ".join(text.strip().rstrip(".?").lower().split())


def some(text: str, what: str, where: str) -> str:
    """The text. Raises DataError if there is none."""
    if not text:
        raise DataError(f"{where} is an empty {what}: should have words behind its number")
    return text
