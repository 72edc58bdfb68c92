"""The contract between a task, its models and everything that trains, measures and draws them."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, Literal, NamedTuple, Protocol, runtime_checkable

import PIL.Image
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from attnbench.attention import Alignment, AttentionFactory
from attnbench.tasks.examples import Examples


class Output(NamedTuple):
    """One teacher-forced pass. Queries that do not count (padding) are zeroed in the alignments and empty in `gold`."""

    nll: Float[Tensor, " batch"]  # nats, summed over the example's predicted symbols
    symbols: Int[Tensor, " batch"]  # how many those were
    alignments: Sequence[Alignment]  # one for each place where the model attends; none where it does nowhere
    gold: Bool[Tensor, "batch query memory"] | None = None  # where one should look, if anyone knows
    penalty: Float[Tensor, " batch"] | None = None  # what the model itself adds to the loss
    steps: Float[Tensor, "batch query"] | None = None  # the nll of the symbol that follows each query, where one does
    spread: Float[Tensor, " batch"] | None = (
        None  # as nll, had every symbol been asked for alike: Σ_t mean_v -log p_t(v)
    )
    possible: Bool[Tensor, "batch query memory"] | None = None  # of gold's links those that are not sure


@runtime_checkable
class Decodable(Protocol):
    """An image that is decoded only where somebody looks at it."""

    def open(self) -> PIL.Image.Image:
        """The image in RGB."""


class Candidate(NamedTuple):
    """One of several things that might be said of an example; the weights are the mean over the places of attention."""

    said: str
    queries: Sequence[str]
    score: float
    weights: Float[Tensor, "query memory"]


class Prediction(NamedTuple):
    """One free-running pass, with what it takes to measure and to draw it.

    `queries` labels the rows of each example's alignment (the words said, the words of a question), `memory` its columns (the
    words read); where the memory is a grid over an image, `memory` is empty and `grid` gives its rows and columns.
    """

    said: Sequence[str]
    truth: Sequence[Sequence[str]]
    alignments: Sequence[Alignment]
    queries: Sequence[Sequence[str]]
    memory: Sequence[Sequence[str]]
    gold: Bool[Tensor, "batch query memory"] | None = None  # where the said words' queries should have looked
    images: Sequence[Decodable] | None = None
    grid: tuple[int, int] | None = None
    about: Sequence[str] = ()  # what else the task's measures need to know of each example
    ranked: Sequence[Sequence[Candidate]] = ()  # each example's best, best first, where the search scored them


class Model(nn.Module, ABC):
    """A network complete but for its attention, which it is given as a factory.

    Its checkpoint holds `kept` beside its values: what its task read from the data in order to build it, as JSON has it.
    """

    attends: ClassVar[bool] = True  # whether it builds an attention; without one outputs have no alignments
    kept: Mapping[str, Any] = MappingProxyType({})

    def get_extra_state(self) -> dict[str, Any]:
        """What was kept."""
        return dict(self.kept)

    def set_extra_state(self, state: Mapping[str, Any]) -> None:
        """Takes what a checkpoint kept."""
        self.kept = dict(state)

    @abstractmethod
    def forward(self, batch: Any) -> Output:
        """Teacher-forced: what training and likelihoods need."""

    @abstractmethod
    def predict(self, batch: Any) -> Prediction:
        """Free-running: what the model says by itself."""


class Task(ABC):
    """Data, models for it, and how to measure what they say."""

    name: ClassVar[str]
    primary: ClassVar[str]  # the measure that decides
    better: ClassVar[Literal["higher", "lower"]]
    data: Examples

    @abstractmethod
    def model(self, attention: AttentionFactory) -> Model:
        """A fresh model around the given attention; reads the data if it has not been read."""

    def recall(self, kept: Mapping[str, Any]) -> None:  # noqa: B027
        """Takes what a model's checkpoint kept, so that building the model again need not read the data; or ignores it."""

    def findings(self) -> Mapping[str, Mapping[str, Any]]:
        """What was found odd in the data: by its source, and by a task that checks more."""
        return self.data.source.findings()

    def completed(self, prediction: Prediction) -> Prediction:
        """What the model said as the task has it: the same, unless the task does more to it."""
        return prediction

    @abstractmethod
    def measure(self, predictions: Sequence[Prediction]) -> Mapping[str, float]:
        """Corpus-level measures, `primary` among them, by their standard names and on their standard scales."""

    @abstractmethod
    def measure_each(self, predictions: Sequence[Prediction]) -> Mapping[str, Sequence[float]]:
        """Per-example measures, in the order of the examples, for paired tests; under `primary`'s name what stands for it."""

    def signatures(self) -> Mapping[str, str]:
        """How measures were computed, for those that have variants (sacrebleu's signatures)."""
        return {}
