"""Cloze questions of a data set on the hub, or of a local folder that the `datasets` library reads."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from datasets import Dataset

from attnbench.tasks.hub import HubSplits
from attnbench.tasks.reading.checks import Fault
from attnbench.tasks.reading.cloze import ClozeSource
from attnbench.tasks.reading.numbering import Example, markers


@dataclass(kw_only=True, eq=False)
class HubQuestions(ClozeSource, HubSplits):
    """Questions by a hub name and revision, or of a local folder; no code of the data set is run.

    `document`, `question` and `answer` are columns of text, which is parted at blanks; the first two may hold lists of texts,
    such as sentences. `entities` is a column of lists of the words that may be the answer; without it they are those of the form
    @entity7. `identity` is a column that tells examples apart. `placeholder` is what the question has in the answer's place.
    The rest is `HubSplits`'.
    """

    name: ClassVar[str] = "hub_questions"

    document: str = "context"
    question: str = "question"
    answer: str = "answer"
    entities: str | None = None
    identity: str | None = None
    placeholder: str = "@placeholder"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_splits()

    def given(self) -> Mapping[str, Iterable[Example | Fault]]:
        """Row after row."""
        return {split: self.examples(self.splits[split], rows) for split, rows in self.there().items()}

    def examples(self, theirs: str, rows: Dataset) -> Iterator[Example | Fault]:
        """Those of one of its splits. Raises DataError for a column that is not there."""
        self.require(rows, self.document, self.question, self.answer, self.entities, self.identity)
        for number, row in enumerate(rows, start=1):
            yield self.example(f"{self.told}, {theirs}: row {number}", row)

    def example(self, name: str, row: Mapping[str, Any]) -> Example | Fault:
        """One row, or what is wrong with its form."""
        document, question = words_of(row[self.document]), words_of(row[self.question])
        answer = row[self.answer]
        if document is None or question is None or not isinstance(answer, str):
            column = self.document if document is None else self.question if question is None else self.answer
            return Fault(name, f"column {column} holds {str(row[column])[:40]!r}; should be text")
        question = ["@placeholder" if word == self.placeholder else word for word in question]
        among = markers(document + question) if self.entities is None else words_of(row[self.entities])
        if among is None:
            return Fault(name, f"column {self.entities} holds {str(row[str(self.entities)])[:40]!r}; should be words")
        identity = name if self.identity is None else str(row[self.identity])
        return Example(name, identity, document, question, answer.strip(), set(among))

    def content(self) -> str:
        """What is read of it, and its origin."""
        columns = [self.document, self.question, self.answer, self.entities, self.identity, self.placeholder]
        return f"{self.subset} {columns} {dict(self.splits)} {self.origin()}"


def words_of(value: Any) -> list[str] | None:
    """The words between blanks of a text, or of a list of texts; none of anything else."""
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        return None
    return " ".join(texts).split()
