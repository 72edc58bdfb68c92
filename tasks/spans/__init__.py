"""Reading comprehension by spans: the answer to a question is a piece of its document, measured by F1 and exact match."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

from datasets import Dataset

from attnbench.attention import AttentionFactory
from attnbench.tasks.base import Model, Prediction, Task
from attnbench.tasks.examples import Columns, Examples
from attnbench.tasks.source import Source
from attnbench.tasks.spans.batch import Collating, Question
from attnbench.tasks.spans.chronicles import Chronicles
from attnbench.tasks.spans.lexicon import Lexicon
from attnbench.tasks.spans.measures import all_answers, mean
from attnbench.tasks.spans.questions import QuestionSource
from attnbench.tasks.spans.tokens import words_of
from attnbench.tasks.spans.windows import Parting

READS = (Chronicles, QuestionSource)
LONGEST_QUESTION = 60  # words, of data that set no limit


@runtime_checkable
class SpanModel(Protocol):
    """A reader whose lexicon and attention are left open."""

    def __call__(self, lexicon: Lexicon, attention: AttentionFactory) -> Model:
        """The model."""
        ...


class Spans(Task):
    """Where in a document the answer to a question stands.

    Words are the training split's that occur at least `least_count` times. Documents of more than `window` words are read in
    windows of so many, one every `stride` words; an answer is looked for in the whole document. In training the window that
    has the answer nearest to its middle is read alone.
    """

    name: ClassVar[str] = "spans"
    primary: ClassVar[str] = "f1"
    better: ClassVar[Literal["higher", "lower"]] = "higher"

    def __init__(
        self,
        data: Source,
        model: SpanModel,
        *,
        batch_size: int,
        seed: int,
        least_count: int,
        window: int,
        stride: int,
    ) -> None:
        if not isinstance(data, READS):
            raise ValueError(
                f"task/data={data.name}: task spans reads questions whose answer stands in a document, such as squad"
            )
        if least_count < 1:
            raise ValueError(f"least_count={least_count}: must be at least 1")
        if not 1 <= stride <= window:
            raise ValueError(f"stride={stride}: must be from 1 to window={window}, so that windows leave nothing out")
        self.build = model
        self.least_count = least_count
        self.parting = Parting(window, stride)
        self.data = Examples(data, self.collate, length=self.lengths, batch_size=batch_size, seed=seed)

    @cached_property
    def lexicon(self) -> Lexicon:
        """The words of the training split alone."""
        train = self.data.splits["train"]
        documents = (words_of(text).words for text in dict.fromkeys(train["document"]))
        questions = (words_of(text).words for text in train["question"])
        return Lexicon(documents, questions, least_count=self.least_count)

    @property
    def longest_question(self) -> int:
        """How many words of a question are read."""
        source = self.data.source
        return source.longest_question if isinstance(source, QuestionSource) else LONGEST_QUESTION

    def collate(self, rows: Columns) -> Question:
        """A batch from columns. Raises DataError where there is nothing to read."""
        return Collating(self.lexicon, self.parting, self.longest_question)(rows)

    def lengths(self, split: Dataset) -> list[int]:
        """How many words are read of each document; of those that are read in windows, all."""
        longest = self.parting.width if "taught" in split.column_names else None
        found: dict[str, int] = {}
        for text in split["document"]:
            if text not in found:
                found[text] = len(words_of(text).words)
        return [min(found[text], longest or found[text]) for text in split["document"]]

    def model(self, attention: AttentionFactory) -> Model:
        """The model with this data's lexicon, which it keeps."""
        model = self.build(self.lexicon, attention)
        model.kept = self.lexicon.plain()
        return model

    def recall(self, kept: Mapping[str, Any]) -> None:
        """Takes the lexicon."""
        if "rarity" in kept:
            self.lexicon = Lexicon.of(kept)

    def measure(self, predictions: Sequence[Prediction]) -> Mapping[str, float]:
        """F1 and exact match in percent (0-100)."""
        return {name: mean(values) for name, values in all_answers(predictions).items()}

    def measure_each(self, predictions: Sequence[Prediction]) -> Mapping[str, Sequence[float]]:
        """The same a question."""
        return all_answers(predictions)
