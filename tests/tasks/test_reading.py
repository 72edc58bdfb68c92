"""The reading task and its model keep the contracts."""

import json
from functools import partial
from typing import Any

import pytest
import torch
from datasets import DatasetDict
from hydra import compose, initialize_config_module
from hydra.utils import instantiate

from attnbench.attention import Composed
from attnbench.attention.score.dot import Dot
from attnbench.attention.selection.softmax import Softmax
from attnbench.tasks.base import Prediction
from attnbench.tasks.examples import Columns
from attnbench.tasks.reading import Reading
from attnbench.tasks.reading.attentive import AttentiveReader
from attnbench.tasks.reading.model import Cloze
from attnbench.tasks.reading.stories import Stories
from attnbench.tasks.source import DataError, Source

SIZES = {"train": 60, "validation": 8, "test": 8}
WITHOUT_PROJECTION = partial(Composed, score=partial(Dot, project="never"), selection=Softmax)


@pytest.fixture
def task() -> Reading:
    source = Stories(seed=0, sizes=SIZES, two_hops=0.5)
    model = partial(AttentiveReader, embedding_dim=6, hidden_dim=5, dropout=0.0)
    return Reading(source, model, batch_size=8, seed=0)


@pytest.fixture
def rows(task: Reading) -> Columns:
    columns: Columns = task.data.splits["test"][:]
    return columns


@pytest.fixture
def reader(task: Reading) -> AttentiveReader:
    torch.manual_seed(0)
    model = task.model(WITHOUT_PROJECTION)
    assert isinstance(model, AttentiveReader)
    return model.double().eval()


def one(rows: Columns, index: int) -> Columns:
    return {name: values[index : index + 1] for name, values in rows.items()}


def test_padding_changes_nothing(task: Reading, reader: AttentiveReader, rows: Columns) -> None:
    together = reader(task.collate(rows))
    for index in range(len(rows["answer"])):
        alone = reader(task.collate(one(rows, index)))
        width = alone.alignments[0].weights.shape[-1]
        torch.testing.assert_close(together.nll[index], alone.nll[0])
        torch.testing.assert_close(together.penalty[index], alone.penalty[0])
        torch.testing.assert_close(together.alignments[0].weights[index, :, :width], alone.alignments[0].weights[0])
        assert not together.alignments[0].weights[index, :, width:].any()


def every_answer(reader: AttentiveReader, batch: Cloze) -> torch.Tensor:
    """The probability of each entity as the answer."""
    numbers = range(batch.candidates.shape[1])
    nll = [reader(batch._replace(answer=torch.full_like(batch.answer, number))).nll for number in numbers]
    return torch.exp(-torch.stack(nll, dim=1))


def test_only_candidates_can_be_the_answer(task: Reading, reader: AttentiveReader, rows: Columns) -> None:
    batch = task.collate(rows)
    probabilities = every_answer(reader, batch)
    assert torch.equal(probabilities > 0, batch.candidates)
    torch.testing.assert_close(probabilities.sum(dim=1), torch.ones_like(probabilities[:, 0]))


def test_what_is_said_is_the_likeliest_candidate(task: Reading, reader: AttentiveReader, rows: Columns) -> None:
    batch = task.collate(rows)
    likeliest = every_answer(reader, batch).argmax(dim=1).tolist()
    assert list(reader.predict(batch).said) == [task.vocabularies[1].words[number] for number in likeliest]


def test_nll_and_penalty_make_up_the_likelihood_among_all_entities(
    task: Reading, reader: AttentiveReader, rows: Columns
) -> None:
    batch = task.collate(rows)
    output = reader(batch)
    everyone = reader(batch._replace(candidates=torch.ones_like(batch.candidates)))
    torch.testing.assert_close(output.nll + output.penalty, everyone.nll)
    torch.testing.assert_close(everyone.penalty, torch.zeros_like(everyone.nll))


def test_an_answer_is_one_symbol_and_a_question_one_query(
    task: Reading, reader: AttentiveReader, rows: Columns
) -> None:
    batch = task.collate(rows)
    output = reader(batch)
    assert output.symbols.tolist() == [1] * len(rows["answer"])
    assert output.alignments[0].weights.shape == (len(rows["answer"]), 1, batch.document.shape[1])


def test_gold_marks_the_evidence_words(task: Reading, rows: Columns) -> None:
    batch = task.collate(rows)
    assert batch.gold is not None
    for marked, links in zip(batch.gold, rows["gold"], strict=True):
        assert marked.nonzero().tolist() == sorted(links)


def test_a_prediction_says_all_it_takes_to_draw_it(task: Reading, reader: AttentiveReader, rows: Columns) -> None:
    prediction = reader.predict(task.collate(rows))
    assert list(prediction.truth) == [[answer] for answer in rows["answer"]]
    assert list(prediction.queries) == [[" ".join(words)] for words in rows["question"]]
    assert list(prediction.memory) == rows["document"]
    assert [json.loads(about) for about in prediction.about] == [{"hops": hops} for hops in rows["hops"]]


def test_text_without_gold_and_hops_is_read_and_measured(task: Reading, reader: AttentiveReader, rows: Columns) -> None:
    batch = task.collate({name: values for name, values in rows.items() if name not in ("gold", "hops")})
    assert reader(batch).gold is None
    assert set(task.measure([reader.predict(batch)])) == {"accuracy"}


def test_an_entity_that_training_lacks_is_read_and_never_right(
    task: Reading, reader: AttentiveReader, rows: Columns
) -> None:
    rows = one(rows, 0)
    renamed = {"answer": ["@entity99"], "candidates": [["@entity99"]]}
    batch = task.collate(rows | renamed)
    assert reader(batch).nll.isfinite().all()
    assert task.measure([reader.predict(batch)])["accuracy"] == 0


def test_an_answer_outside_the_candidates_is_refused(task: Reading, rows: Columns) -> None:
    with pytest.raises(DataError, match="answer @entity99: not among the document's candidates"):
        task.collate(one(rows, 0) | {"answer": ["@entity99"]})


def predicted(said: list[str], truth: list[str], hops: list[int]) -> Prediction:
    about = [json.dumps({"hops": needed}) for needed in hops]
    return Prediction(said, [[answer] for answer in truth], [], [], [], about=about)


def test_accuracy_is_in_percent_and_split_by_hops(task: Reading) -> None:
    predictions = [predicted(["a", "b"], ["a", "c"], [1, 2]), predicted(["d", "e"], ["d", "e"], [1, 2])]
    assert task.measure(predictions) == {"accuracy": 75.0, "accuracy_1_hop": 100.0, "accuracy_2_hops": 50.0}
    assert task.measure_each(predictions) == {"accuracy": [100.0, 0.0, 100.0, 100.0]}


def test_the_mean_over_stories_is_the_measure(task: Reading, reader: AttentiveReader) -> None:
    predictions = [reader.predict(batch) for batch in task.data.test_dataloader()]
    each = task.measure_each(predictions)[task.primary]
    assert len(each) == SIZES["test"]
    assert task.measure(predictions)[task.primary] == pytest.approx(sum(each) / len(each))


def test_every_parameter_learns(task: Reading, reader: AttentiveReader, rows: Columns) -> None:
    output = reader.train()(task.collate(rows))
    (output.nll.sum() + output.penalty.sum()).backward()
    assert [name for name, parameter in reader.named_parameters() if not parameter.grad.any()] == []


class Elsewhere(Source):
    name = "pairs"

    def load(self) -> DatasetDict:
        raise AssertionError("read before it was asked for")

    def checksum(self) -> str:
        return ""


def test_data_of_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="task/data=pairs: task reading reads documents with cloze questions"):
        Reading(Elsewhere(), partial(AttentiveReader), batch_size=8, seed=0)


def test_building_the_task_reads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Stories, "load", Elsewhere.load)
    source = Stories(seed=0, sizes=SIZES, two_hops=0.5)
    task = Reading(source, partial(AttentiveReader), batch_size=8, seed=0)
    assert task.data.source is source


def composed(overrides: list[str]) -> Any:
    with initialize_config_module("attnbench.conf", version_base="1.3"):
        return compose("run", overrides=["task=reading", *overrides])


def test_the_configs_build_the_task_with_the_datas_budget() -> None:
    config = composed(["budget.batch_size=7", "task.data.sizes={train: 9, validation: 1, test: 1}"])
    task = instantiate(config.task)
    model = task.model(WITHOUT_PROJECTION)
    assert (task.name, task.data.batch_size) == ("reading", 7)
    assert model.embedding.embedding_dim == config.budget.width
