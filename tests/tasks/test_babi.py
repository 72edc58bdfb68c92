"""The task of questions on facts and its reader keep the contracts, and the reader is what its formulas say."""

import itertools
import json
from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest
import torch
from datasets import DatasetDict
from hydra import compose, initialize_config_module
from hydra.utils import instantiate
from torch import Tensor, nn

from attnbench.attention import Alignment, AttentionFactory, Composed
from attnbench.attention.score.additive import Additive
from attnbench.attention.score.coverage import Coverage
from attnbench.attention.score.dot import Dot
from attnbench.attention.selection.hard import Hard, choosing
from attnbench.attention.selection.softmax import Softmax
from attnbench.tasks.babi import Babi
from attnbench.tasks.babi.batch import Questions
from attnbench.tasks.babi.encoder import SentenceEncoder
from attnbench.tasks.babi.files import ALL
from attnbench.tasks.babi.model import MemoryReader
from attnbench.tasks.babi.whereabouts import Whereabouts
from attnbench.tasks.base import Prediction
from attnbench.tasks.estimators import Marginal, Reinforce
from attnbench.tasks.examples import Columns
from attnbench.tasks.sequence.text import Vocabulary
from attnbench.tasks.source import Source
from attnbench.tasks.testing import check_task

SIZES = {"train": 40, "validation": 8, "test": 12}
SIZE = 6
SOFT = partial(Composed, score=partial(Dot, project="never"), selection=Softmax)
ADDITIVE = partial(Composed, score=partial(Additive, hidden_dim=4), selection=Softmax)
HARD = partial(Composed, score=Dot, selection=Hard)
COVERED = partial(Composed, score=partial(Coverage, hidden_dim=4), selection=Softmax)


def task_of(**options: Any) -> Babi:
    given = {"hops": 2, "sentence": "positions", "ages": 0, "fusion": True, "read": "facts", "limit": 6}
    model = partial(MemoryReader, hidden_dim=SIZE, dropout=0.0, **(given | options))
    return Babi(Whereabouts(seed=0, sizes=SIZES), model, batch_size=8, seed=0)


def reader_of(task: Babi, attention: AttentionFactory = SOFT) -> MemoryReader:
    torch.manual_seed(0)
    model = task.model(attention)
    assert isinstance(model, MemoryReader)
    return model.double().eval()


@pytest.fixture(scope="module")
def task() -> Babi:
    return task_of()


@pytest.fixture
def rows(task: Babi) -> Columns:
    columns: Columns = task.data.splits["test"][:]
    return columns


def one(rows: Columns, index: int) -> Columns:
    return {name: values[index : index + 1] for name, values in rows.items()}


VARIANTS: dict[str, dict[str, Any]] = {
    "one hop": {"hops": 1},
    "three hops": {"hops": 3},
    "sentences read": {"read": "sentences"},
    "gru": {"sentence": "gru"},
    "ages without fusion": {"ages": 3, "fusion": False},
}


@pytest.mark.parametrize("attention", [SOFT, HARD, COVERED], ids=["soft", "hard", "covered"])
def test_the_task_keeps_the_contract(attention: AttentionFactory) -> None:
    check_task(task_of(ages=3), attention)


def gru(cell: nn.GRU, inputs: Sequence[Tensor], state: Tensor, suffix: str = "") -> list[Tensor]:
    """The states of a GRU, gate by gate."""
    weights, biases = (getattr(cell, f"weight_ih_l0{suffix}"), getattr(cell, f"weight_hh_l0{suffix}")), []
    biases = [getattr(cell, f"bias_ih_l0{suffix}"), getattr(cell, f"bias_hh_l0{suffix}")]
    states = []
    for given in inputs:
        (ri, zi, ni) = (weights[0] @ given + biases[0]).chunk(3)
        (rh, zh, nh) = (weights[1] @ state + biases[1]).chunk(3)
        reset, update = torch.sigmoid(ri + rh), torch.sigmoid(zi + zh)
        state = (1 - update) * torch.tanh(ni + reset * nh) + update * state
        states.append(state)
    return states


def sentence_vector(encoder: SentenceEncoder, numbers: list[int]) -> Tensor:
    """One sentence, word by word."""
    embedded = [encoder.embedding.weight[number] for number in numbers]
    zeros = torch.zeros(SIZE, dtype=torch.double)
    if encoder.recurrence is not None:
        return gru(encoder.recurrence, embedded, zeros)[-1]
    total, long = zeros.clone(), len(numbers)
    for j, vector in enumerate(embedded, start=1):
        for k in range(1, SIZE + 1):
            total[k - 1] += ((1 - j / long) - (k / SIZE) * (1 - 2 * j / long)) * vector[k - 1]
    return total


def by_loops(task: Babi, model: MemoryReader, row: Columns) -> tuple[Tensor, list[Tensor]]:
    """The nll of one example and where each hop looked, by the docstrings' formulas, for dot attention."""
    words, answers = task.vocabularies
    told = [sentence_vector(model.sentence, words.encode(text.split())) for text in row["facts"][0]]
    facts, zeros = told, torch.zeros(SIZE, dtype=torch.double)
    if model.fact.age is not None:
        last = model.fact.age.num_embeddings - 1
        facts = [f + model.fact.age.weight[min(len(told) - 1 - i, last)] for i, f in enumerate(facts)]
    if model.fact.fusion is not None:
        forward = gru(model.fact.fusion, facts, zeros)
        backward = gru(model.fact.fusion, facts[::-1], zeros, "_reverse")[::-1]
        facts = [s + f + b for s, f, b in zip(facts, forward, backward, strict=True)]
    question = torch.tanh(model.question(sentence_vector(model.sentence, words.encode(row["question"][0].split()))))
    state, looked, found = question, [], told if model.read_sentences else facts
    for update in model.update:
        weights = torch.softmax(torch.stack([state @ fact for fact in facts]), dim=0)
        context = sum((w * v for w, v in zip(weights, found, strict=True)), zeros)
        state = torch.relu(update(torch.cat([state, context, question])))
        looked.append(weights)
    nll = torch.zeros((), dtype=torch.double)
    answer = answers.encode(row["answer"][0].split(","), start=True, end=True)
    for said, wanted in itertools.pairwise(answer):
        given = torch.cat([model.answer.embedding.weight[said], question])
        (state,) = gru(model.answer.recurrence, [given], state)
        nll -= torch.log_softmax(model.answer.word(state), dim=0)[wanted]
    return nll, looked


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_reader_is_its_plain_loop(variant: str, rows: Columns) -> None:
    task = task_of(**VARIANTS[variant])
    model = reader_of(task)
    output = model(task.collate(rows))
    (alignment,) = output.alignments
    assert alignment.weights.shape[1] == len(model.update)
    for index in range(len(rows["answer"])):
        nll, looked = by_loops(task, model, one(rows, index))
        torch.testing.assert_close(output.nll[index], nll, check_dtype=False, rtol=1e-5, atol=1e-5)
        for hop, weights in enumerate(looked):
            torch.testing.assert_close(alignment.weights[index, hop, : len(weights)], weights)


@pytest.mark.parametrize("variant", VARIANTS)
def test_padding_changes_nothing(variant: str, rows: Columns) -> None:
    task = task_of(**VARIANTS[variant])
    model = reader_of(task, ADDITIVE)
    together = model(task.collate(rows))
    for index in range(len(rows["answer"])):
        alone = model(task.collate(one(rows, index)))
        width = alone.alignments[0].weights.shape[-1]
        torch.testing.assert_close(together.nll[index], alone.nll[0])
        torch.testing.assert_close(together.alignments[0].weights[index, :, :width], alone.alignments[0].weights[0])
        assert not together.alignments[0].weights[index, :, width:].any()
        assert together.symbols[index] == alone.symbols[0] == len(rows["answer"][index].split(",")) + 1


def test_what_is_said_does_not_depend_on_the_batch(task: Babi, rows: Columns) -> None:
    model = reader_of(task)
    together = list(model.predict(task.collate(rows)).said)
    assert together == [model.predict(task.collate(one(rows, i))).said[0] for i in range(len(together))]


def test_without_fusion_and_ages_the_order_of_facts_says_nothing(rows: Columns) -> None:
    turned = rows | {"facts": [facts[::-1] for facts in rows["facts"]]}
    for options, same in (({"fusion": False}, True), ({"fusion": True}, False), ({"fusion": False, "ages": 3}, False)):
        task = task_of(**options)
        model = reader_of(task)
        assert torch.allclose(model(task.collate(rows)).nll, model(task.collate(turned)).nll) == same


def test_a_later_hop_knows_where_earlier_ones_looked(rows: Columns) -> None:
    task = task_of(hops=3)
    model = reader_of(task, COVERED)
    pasts: list[Any] = []
    model.attention.register_forward_pre_hook(lambda _, inputs: pasts.append(inputs[1].past))
    (alignment,) = model(task.collate(rows)).alignments
    assert pasts[0] is None
    for hop in (1, 2):
        torch.testing.assert_close(pasts[hop].total, alignment.weights[:, :hop].sum(dim=1), check_dtype=False)


def test_gold_is_every_supporting_fact_at_every_hop(task: Babi, rows: Columns) -> None:
    output = reader_of(task)(task.collate(rows))
    assert output.gold is not None
    for marked, support in zip(output.gold, rows["support"], strict=True):
        assert [hop.nonzero().flatten().tolist() for hop in marked] == [sorted(support)] * 2


def test_the_greedy_answer_takes_the_likeliest_word_after_each(task: Babi, rows: Columns) -> None:
    model = reader_of(task)
    batch = task.collate(rows)
    question, state, _ = model.read(batch)
    said = model.answer.likeliest(question, state, 6)
    started = torch.cat([torch.full((len(said), 1), Vocabulary.start), said], dim=1)
    log_probs, _ = model.answer.log_probs(started[:, :-1], question, state)
    assert torch.equal(log_probs.argmax(dim=-1), said)


def forced(model: MemoryReader, batch: Questions, choice: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    with choosing(model, iter(choice)):
        output = model(batch)
    (alignment,) = output.alignments
    assert alignment.log_prob is not None
    assert alignment.log_prob.shape == (1, 2)
    return alignment.log_prob.double().sum(dim=1), output.nll


def test_the_draws_of_all_hops_make_up_one_distribution(task: Babi, rows: Columns) -> None:
    """Σ_s p(s) = 1 over the choices of both hops, and the exact likelihood is Σ_s p(s) p(y|s)."""
    model = reader_of(task, HARD).train()
    batch = task.collate(one(rows, 0))
    memory = batch.facts.shape[1]
    passes = [forced(model, batch, choice) for choice in itertools.product(range(memory), repeat=2)]
    assert sum(prior.exp().item() for prior, _ in passes) == pytest.approx(1)
    nll = -torch.logsumexp(torch.stack([prior - nll for prior, nll in passes]), dim=0)
    exact = Marginal(limit=memory**2)(model, batch).output.nll
    torch.testing.assert_close(exact, nll, check_dtype=False, rtol=1e-5, atol=1e-5)


def test_reinforce_reaches_the_attention_of_every_hop(rows: Columns) -> None:
    task = task_of()
    model = reader_of(task, partial(Composed, score=partial(Additive, hidden_dim=4), selection=Hard)).train()
    estimator = Reinforce(expected_first=0.0, entropy_weight=0.0, baseline="none")
    estimator.meet(model)
    estimate = estimator(model, task.collate(rows))
    (alignment,) = estimate.output.alignments
    assert alignment.log_prob is not None
    (found,) = torch.autograd.grad(estimate.loss, alignment.log_prob, retain_graph=True)
    expected = (estimate.output.nll / estimate.output.symbols.sum()).unsqueeze(1).expand_as(found)
    torch.testing.assert_close(found, expected.detach(), check_dtype=False, rtol=1e-4, atol=1e-6)
    estimate.loss.backward()
    assert all(parameter.grad.any() for parameter in model.attention.parameters())


def test_every_parameter_learns(rows: Columns) -> None:
    task = task_of(ages=3, sentence="gru")
    model = reader_of(task, ADDITIVE).train()
    model(task.collate(rows)).nll.sum().backward()
    assert [name for name, parameter in model.named_parameters() if not parameter.grad.any()] == []


def predicted(said: Sequence[str], truth: Sequence[str], tasks: Sequence[str], **rest: Any) -> Prediction:
    about = [json.dumps({"task": task}) for task in tasks]
    return Prediction(said, [[answer] for answer in truth], rest.pop("alignments", []), [], [], about=about, **rest)


def test_an_answer_is_right_in_all_its_words_and_their_order_alone(task: Babi) -> None:
    said = ["a,b", "b,a", "a", "a,b,c", "", "a,b"]
    each = task.measure_each([predicted(said, ["a,b"] * 6, ["qa8"] * 6)])
    assert each == {"accuracy": [100.0, 0.0, 0.0, 0.0, 0.0, 100.0]}


def test_tasks_are_measured_apart_and_failures_counted(task: Babi) -> None:
    names = ["qa2"] * 20 + ["qa10"] * 20 + ["qa1"] * 2
    said = ["x"] * 19 + ["y"] + ["x"] * 18 + ["y"] * 2 + ["y"] * 2
    measured = task.measure(
        [predicted(said[:30], ["x"] * 30, names[:30]), predicted(said[30:], ["x"] * 12, names[30:])]
    )
    assert measured == {
        "accuracy": pytest.approx(100 * 37 / 42),
        "accuracy_qa2": 95.0,
        "accuracy_qa10": 90.0,
        "accuracy_qa1": 0.0,
        "failed_tasks": 2.0,
    }
    assert list(measured) == ["accuracy", "failed_tasks", "accuracy_qa1", "accuracy_qa2", "accuracy_qa10"]


def test_evidence_is_measured_over_hops(task: Babi) -> None:
    weights = torch.tensor([[[0.6, 0.4, 0.0], [0.1, 0.2, 0.7]], [[0.0, 1.0, 0.0], [0.0, 0.8, 0.2]]])
    gold = torch.tensor([[[True, True, False]] * 2, [[True, True, False]] * 2])
    names, words = ["qa1", "qa2"], ["x", "x"]
    measured = task.measure([predicted(words, words, names, alignments=[Alignment(weights)], gold=gold)])
    assert measured["evidence_hit_qa1"] == pytest.approx(50)  # hop 1 looks at fact 1, hop 2 at fact 3
    assert measured["evidence_mass_qa1"] == pytest.approx(100 * (1.0 + 0.3) / 2)
    assert measured["evidence_found_qa1"] == pytest.approx(50)  # fact 1, and not fact 2
    assert measured["evidence_hit_qa2"] == pytest.approx(100)
    assert measured["evidence_mass_qa2"] == pytest.approx(90)
    assert measured["evidence_found_qa2"] == pytest.approx(50)  # both hops at the same fact
    assert measured["evidence_hit"] == pytest.approx(75)


def test_facts_without_gold_are_read_and_measured(task: Babi, rows: Columns) -> None:
    batch = task.collate({name: values for name, values in rows.items() if name != "support"})
    model = reader_of(task)
    assert model(batch).gold is None
    assert not any("evidence" in name for name in task.measure([model.predict(batch)]))


def test_words_that_training_lacks_are_read_and_never_right(task: Babi, rows: Columns) -> None:
    strange = one(rows, 0) | {"facts": [["zoe flew to mars"]], "support": [[0]], "answer": ["mars"]}
    batch = task.collate(strange)
    model = reader_of(task)
    assert model(batch).nll.isfinite().all()
    assert task.measure([model.predict(batch)])["accuracy"] == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hops": 0}, "hops=0: must be a whole number, 1 or more"),
        ({"limit": 0}, "limit=0: must be"),
        ({"ages": -1}, "ages=-1: must be 0 or more"),
        ({"sentence": "bag"}, "sentence=bag: must be one of positions, gru"),
        ({"read": "words"}, "read=words: must be one of facts, sentences"),
    ],
)
@pytest.mark.usefixtures("unchecked_types")
def test_options_that_cannot_be_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        task_of(**options).model(SOFT)


class Elsewhere(Source):
    name = "pairs"

    def load(self) -> DatasetDict:
        raise AssertionError("read before it was asked for")

    def checksum(self) -> str:
        return ""


def test_data_of_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="task/data=pairs: task babi reads facts with questions"):
        Babi(Elsewhere(), partial(MemoryReader), batch_size=8, seed=0)


def composed(*overrides: str) -> Any:
    with initialize_config_module("attnbench.conf", version_base="1.3"):
        return compose("run", overrides=["task=babi", *overrides], return_hydra_config=True)


def test_the_configs_build_the_task_with_the_datas_budget() -> None:
    config = composed("budget.batch_size=7", "task.data.sizes={train: 9, validation: 1, test: 1}", "task.model.hops=2")
    task = instantiate(config.task)
    model = task.model(SOFT)
    assert (task.name, task.data.batch_size, len(model.update)) == ("babi", 7, 2)
    assert model.sentence.embedding.embedding_dim == config.budget.width


@pytest.mark.parametrize("tasks", ["1", "[2,3]", "all"])
def test_the_configs_name_one_task_or_several(tasks: str) -> None:
    config = composed("task/data=babi_1k", f"task.data.tasks={tasks}")
    assert instantiate(config.task).data.source.numbers == {"1": [1], "[2,3]": [2, 3], "all": list(ALL)}[tasks]


def test_the_experiment_is_every_large_task_with_every_mechanism() -> None:
    config = composed("experiment=reading_babi")
    swept = config.hydra.sweeper.params
    assert [int(number) for number in str(swept["task.data.tasks"]).split(",")] == [n for n in ALL if n != 3]
    assert str(swept["attention"]) == "additive_soft,dot_soft,additive_hard,uniform"
    assert instantiate(config.task).data.source.size == "10k"
