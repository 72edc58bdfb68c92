"""check_task accepts a task that holds to the contract, and names what is wrong with one that does not."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, cast

import pytest
import torch

from attnbench.attention import AttentionFactory, Composed
from attnbench.attention.score.dot import Dot
from attnbench.attention.selection.hard import Hard
from attnbench.attention.selection.softmax import Softmax
from attnbench.tasks.base import Model, Output, Prediction
from attnbench.tasks.testing import check_task
from attnbench.tasks.translation import Translation
from attnbench.tasks.translation.model import Pair, RNNsearch
from attnbench.tasks.translation.phrases import Phrases

SOFT = partial(Composed, score=Dot, selection=Softmax)
HARD = partial(Composed, score=Dot, selection=Hard)


def task_of(task: type[Translation] = Translation, model: type[RNNsearch] = RNNsearch) -> Translation:
    data = Phrases(seed=0, sizes={"train": 40, "validation": 12, "test": 4})
    build = partial(model, embedding_dim=6, hidden_dim=8, dropout=0.1, limit=8)
    return task(data, cast(Any, build), batch_size=5, seed=0, least_count=1)


@pytest.mark.parametrize("attention", [SOFT, HARD], ids=["soft", "hard"])
def test_a_task_that_holds_is_accepted(attention: AttentionFactory) -> None:
    before = torch.get_rng_state()
    check_task(task_of(), attention)
    assert torch.equal(torch.get_rng_state(), before)


def changed(change: Callable[[Output], Output]) -> type[RNNsearch]:
    class Changed(RNNsearch):
        def forward(self, batch: Pair) -> Output:
            return change(super().forward(batch))

    return Changed


def said_differently(change: Callable[[Prediction], Prediction]) -> type[RNNsearch]:
    class Changed(RNNsearch):
        def predict(self, batch: Pair) -> Prediction:
            return change(super().predict(batch))

    return Changed


def without_keep(output: Output) -> Output:
    alignment = output.alignments[0]
    return output._replace(alignments=[alignment._replace(weights=alignment.weights + 0.1)])


def gold_on_padding(output: Output) -> Output:
    assert output.gold is not None
    return output._replace(gold=torch.ones_like(output.gold))


def one_gold_short(output: Output) -> Output:
    assert output.gold is not None
    return output._replace(gold=output.gold[:, :, 1:])


def length_of_batch(output: Output) -> Output:
    return output._replace(nll=output.nll + output.alignments[0].weights.shape[1], steps=None)


FAULTY_MODELS: dict[str, tuple[type[RNNsearch], str]] = {
    "nll_not_finite": (changed(lambda o: o._replace(nll=o.nll / 0)), "nll is not finite"),
    "steps_of_others": (changed(lambda o: o._replace(steps=o.steps.roll(1, 0))), "the sum of an example's steps"),  # type: ignore[union-attr]
    "no_symbols": (changed(lambda o: o._replace(symbols=o.symbols * 0)), "no symbols"),
    "no_alignments": (changed(lambda o: o._replace(alignments=[])), "no alignments"),
    "weights_over_one": (changed(without_keep), "a query's weights sum to"),
    "gold_on_padding": (changed(gold_on_padding), "gold is given for a query that does not count"),
    "gold_of_other_shape": (changed(one_gold_short), "gold has shape"),
    "nll_with_padding": (changed(length_of_batch), "alone and padded"),
    "truth_left_out": (said_differently(lambda p: p._replace(truth=p.truth[1:])), "truth has 4 entries for 5"),
    "too_many_labels": (said_differently(lambda p: p._replace(queries=[["a"] * 99] * 5)), "more query labels"),
    "too_much_memory": (said_differently(lambda p: p._replace(memory=[["a"] * 99] * 5)), "more memory labels"),
    "grid_of_other_size": (said_differently(lambda p: p._replace(grid=(7, 7))), "does not have the alignment's"),
}


@pytest.mark.parametrize("fault", FAULTY_MODELS)
def test_a_faulty_model_is_named(fault: str) -> None:
    model, message = FAULTY_MODELS[fault]
    with pytest.raises(AssertionError, match=message):
        check_task(task_of(model=model), SOFT)


class StartsFromTheAttention(Translation):
    """Its model's values come after the attention's in the random state."""

    def model(self, attention: AttentionFactory) -> Model:
        return super().model(lambda query_dim, key_dim: unsheltered(attention(query_dim, key_dim)))


def unsheltered(attention: Any) -> Any:
    torch.rand(sum(parameter.numel() for parameter in attention.parameters()))
    return attention


class GoldInTestAlone(Translation):
    """Its other splits lack a column that the test split has."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        for name in ("train", "validation"):
            self.data.splits[name] = self.data.splits[name].remove_columns("gold")


class PrimaryForgotten(Translation):
    def measure(self, predictions: Sequence[Prediction]) -> Mapping[str, float]:
        return {"chrf": 1.0}


class OneShort(Translation):
    def measure_each(self, predictions: Sequence[Prediction]) -> Mapping[str, Sequence[float]]:
        return {name: values[1:] for name, values in super().measure_each(predictions).items()}


class NoAttention(Translation):
    def model(self, attention: AttentionFactory) -> Model:
        built = super().model(attention)
        built.decoder.attention = torch.nn.Identity()  # type: ignore[union-attr]
        return built


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (StartsFromTheAttention, "depend on the attention"),
        (GoldInTestAlone, "split test has columns"),
        (PrimaryForgotten, "without the primary measure bleu"),
        (OneShort, r"\d+ values of bleu for \d+ examples"),
        (NoAttention, "builds no attention"),
    ],
)
def test_a_faulty_task_is_named(task: type[Translation], message: str) -> None:
    # Projected queries, so that the attention has values of its own.
    attention = partial(Composed, score=partial(Dot, project="always"), selection=Softmax)
    with pytest.raises(AssertionError, match=message):
        check_task(task_of(task=task), attention)
