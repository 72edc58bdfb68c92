"""Every reader keeps the contract, equals its formula written as loops, and reads no padding."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from hydra import compose, initialize_config_module
from hydra.utils import instantiate
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from attnbench.attention import AttentionFactory, Composed
from attnbench.attention.multi_head import composed_heads
from attnbench.attention.score.additive import Additive
from attnbench.attention.score.coverage import Coverage
from attnbench.attention.score.dot import Dot
from attnbench.attention.score.general import General
from attnbench.attention.score.none import NoScore
from attnbench.attention.selection.hard import Hard
from attnbench.attention.selection.softmax import Softmax
from attnbench.attention.selection.sparsemax import Sparsemax
from attnbench.attention.selection.uniform import Uniform
from attnbench.benchmarks.speed.peak import traced
from attnbench.tasks.attention_quality import AttentionQuality
from attnbench.tasks.estimators import Reinforce
from attnbench.tasks.examples import Columns
from attnbench.tasks.reading import Reading
from attnbench.tasks.reading.attention_sum import AttentionSumReader
from attnbench.tasks.reading.attentive import AttentiveReader
from attnbench.tasks.reading.deep_lstm import DeepLstmReader, spliced
from attnbench.tasks.reading.impatient import ImpatientReader
from attnbench.tasks.reading.model import Cloze, Encoder, EncodingReader, Reader
from attnbench.tasks.reading.stanford import StanfordReader
from attnbench.tasks.reading.stories import Stories
from attnbench.tasks.reading.stories_long import LongStories
from attnbench.tasks.sequence.text import Vocabulary
from attnbench.tasks.testing import check_task

ADDITIVE = partial(Composed, score=partial(Additive, hidden_dim=7), selection=Softmax)
COVERING = partial(Composed, score=partial(Coverage, hidden_dim=7), selection=Softmax)
HARD = partial(Composed, score=General, selection=Hard)
DOT = partial(Composed, score=Dot, selection=Softmax)
CONTROL = partial(Composed, score=NoScore, selection=Uniform)
SIZES = {"embedding_dim": 6, "hidden_dim": 5, "dropout": 0.0}
READERS: dict[str, Any] = {
    "attentive": partial(AttentiveReader, **SIZES),
    "impatient": partial(ImpatientReader, **SIZES),
    "stanford": partial(StanfordReader, **SIZES),
    "attention_sum": partial(AttentionSumReader, **SIZES),
    "deep_lstm": partial(DeepLstmReader, **SIZES, layers=2, order="document_first"),
}
LOOKING = [name for name in READERS if name != "deep_lstm"]


def task_of(reader: str, *, stories: str = "long", dropout: float = 0.0) -> Reading:
    sizes = {"train": 24, "validation": 7, "test": 5}
    short = Stories(seed=0, sizes=sizes, two_hops=0.5)
    long = LongStories(seed=0, sizes=sizes, people=3, meetings=1, two_hops=0.5, pronouns=0.4, roles=0.2)
    build = partial(READERS[reader], dropout=dropout)
    return Reading(long if stories == "long" else short, build, batch_size=4, seed=0)


def built(task: Reading, attention: AttentionFactory) -> Reader:
    torch.manual_seed(0)
    model = task.model(attention)
    assert isinstance(model, Reader)
    return model.double().eval()


def rows_of(task: Reading) -> Columns:
    columns: Columns = task.data.splits["validation"][:]
    return columns


@pytest.mark.parametrize(
    ("reader", "attention"),
    [
        *((reader, ADDITIVE) for reader in LOOKING),
        *((reader, HARD) for reader in LOOKING if reader != "attention_sum"),
        *((reader, CONTROL) for reader in ("attentive", "deep_lstm")),
        ("impatient", COVERING),
        ("attention_sum", partial(composed_heads, heads=2, score=Dot, selection=Softmax)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_contract_holds(reader: str, attention: AttentionFactory) -> None:
    check_task(task_of(reader, dropout=0.1), attention)


@pytest.mark.parametrize("reader", READERS)
def test_padding_changes_nothing(reader: str) -> None:
    task = task_of(reader, stories="short")
    model = built(task, CONTROL if reader == "deep_lstm" else ADDITIVE)
    rows = rows_of(task)
    assert len({len(words) for words in rows["document"]}) > 1
    assert len({len(words) for words in rows["question"]}) > 1
    together = model(task.collate(rows))
    for index in range(len(rows["answer"])):
        alone = model(task.collate({name: values[index : index + 1] for name, values in rows.items()}))
        torch.testing.assert_close(together.nll[index], alone.nll[0])
        torch.testing.assert_close(together.penalty[index], alone.penalty[0])
        for here, there in zip(together.alignments, alone.alignments, strict=True):
            queries, width = there.weights.shape[1:]
            torch.testing.assert_close(here.weights[index, :queries, :width], there.weights[0])
            assert not here.weights[index, queries:].any()
            assert not here.weights[index, :, width:].any()


def encoded(model: EncodingReader, batch: Cloze, index: int) -> tuple[Tensor, Tensor, Tensor]:
    """One example's document states, question states, and question, by runs over its words alone."""
    document = batch.document[index][batch.document[index] != Vocabulary.pad].unsqueeze(0)
    question = batch.question[index][batch.question[index] != Vocabulary.pad].unsqueeze(0)
    states, _ = both_directions(model.document, model.embedding(document))
    asked, last = both_directions(model.question, model.embedding(question))
    return states, asked, last


def both_directions(encoder: Encoder, words: Tensor) -> tuple[Tensor, Tensor]:
    """The states of one text's words, and those in which the directions end."""
    ahead, behind = encoder.recurrence.ahead(words)[0][0], encoder.recurrence.behind(words.flip(1))[0][0]
    return torch.cat([ahead, behind.flip(0)], dim=-1), torch.cat([ahead[-1], behind[-1]])


def log_likelihood(model: Reader, batch: Cloze, index: int, entity_probs: dict[int, Tensor]) -> Tensor:
    """log p(answer | candidates)."""
    among = batch.candidates[index].nonzero().flatten().tolist()
    total = torch.stack([entity_probs[entity] for entity in among]).sum()
    return torch.log(entity_probs[int(batch.answer[index])] / total)


def test_the_attention_sum_reader_is_its_formula_in_loops() -> None:
    task = task_of("attention_sum")
    model = built(task, DOT)
    assert isinstance(model, AttentionSumReader)
    rows = rows_of(task)
    batch = task.collate(rows)
    output = model(batch)
    for index, words in enumerate(rows["document"]):
        states, _, question = encoded(model, batch, index)
        scores = [float(torch.exp(question @ state).detach()) for state in states]
        sums = dict.fromkeys(rows["candidates"][index], 0.0)
        for word, score in zip(words, scores, strict=True):
            if word in sums:
                sums[word] += score / sum(scores)
        expected = -torch.log(torch.tensor(sums[rows["answer"][index]] / sum(sums.values()), dtype=torch.float64))
        torch.testing.assert_close(output.nll[index], expected)
        torch.testing.assert_close(output.penalty[index], -torch.log(torch.tensor(sum(sums.values())).double()))
        likeliest = max(sums, key=lambda name: sums[name])
        assert model.predict(batch).said[index] == likeliest


def test_the_impatient_reader_is_its_formula_in_loops() -> None:
    task = task_of("impatient", stories="short")
    model = built(task, ADDITIVE)
    assert isinstance(model, ImpatientReader)
    batch = task.collate(rows_of(task))
    output = model(batch)
    score = model.attention.score
    for index in range(3):
        states, asked, question = encoded(model, batch, index)
        gathered = torch.zeros_like(question)
        for word in asked:
            query = score.query.weight @ torch.cat([word, gathered])
            energies = [score.energy.weight[0] @ torch.tanh(query + score.key.weight @ state) for state in states]
            weights = torch.softmax(torch.stack(energies), dim=0)
            looked = torch.stack([weight * state for weight, state in zip(weights, states, strict=True)]).sum(dim=0)
            gathered = looked + torch.tanh(model.again.weight @ gathered)
        joint = torch.tanh(model.from_document(gathered) + model.from_question(question))
        odds = {number: torch.exp(vector @ joint) for number, vector in enumerate(model.entity.weight)}
        torch.testing.assert_close(-output.nll[index], log_likelihood(model, batch, index, odds))
        torch.testing.assert_close(output.alignments[0].weights[index, len(asked) - 1, : len(states)], weights)


def test_the_stanford_reader_answers_from_the_context_alone() -> None:
    task = task_of("stanford")
    model = built(task, partial(Composed, score=General, selection=Softmax))
    assert isinstance(model, StanfordReader)
    batch = task.collate(rows_of(task))
    output = model(batch)
    for index in range(3):
        states, _, question = encoded(model, batch, index)
        matrix = model.attention.score.query.weight
        weights = torch.softmax(torch.stack([state @ matrix @ question for state in states]), dim=0)
        odds = {number: torch.exp(vector @ (weights @ states)) for number, vector in enumerate(model.entity.weight)}
        torch.testing.assert_close(-output.nll[index], log_likelihood(model, batch, index, odds))


@pytest.mark.parametrize("order", ["document_first", "question_first"])
def test_the_deep_lstm_reader_is_its_layers_run_over_one_sequence(order: str) -> None:
    task = task_of("deep_lstm", stories="short")
    task.build = partial(DeepLstmReader, **SIZES, layers=2, order=order)
    model = built(task, CONTROL)
    assert isinstance(model, DeepLstmReader)
    batch = task.collate(rows_of(task))
    output = model(batch)
    assert output.alignments == []
    for index in range(3):
        parts = [part[part != Vocabulary.pad].tolist() for part in (batch.document[index], batch.question[index])]
        first, second = parts if order == "document_first" else parts[::-1]
        words = model.embedding(torch.tensor([[*first, Vocabulary.end, *second]]))
        low, _ = model.layers[0](words)
        high, _ = model.layers[1](torch.cat([words, low], dim=-1))
        read = torch.cat([low[0, -1], high[0, -1]])
        odds = {number: torch.exp(vector @ read) for number, vector in enumerate(model.entity.weight)}
        torch.testing.assert_close(-output.nll[index], log_likelihood(model, batch, index, odds))


def test_splicing_moves_padding_behind_and_nothing_else() -> None:
    first, second = torch.tensor([[5, 6, 0], [7, 8, 9]]), torch.tensor([[4, 4], [5, 0]])
    assert spliced(first, second).tolist() == [[5, 6, 3, 4, 4, 0], [7, 8, 9, 3, 5, 0]]


@pytest.mark.parametrize("attention", [DOT, HARD, ADDITIVE])
def test_the_deep_lstm_reader_accepts_no_attention_but_the_control(attention: AttentionFactory) -> None:
    with pytest.raises(ValueError, match="deep_lstm_reader has no attention that could be compared"):
        task_of("deep_lstm").model(attention)


@pytest.mark.parametrize("selection", [Hard, Sparsemax])
def test_the_attention_sum_reader_refuses_selections_that_leave_zeros(selection: Callable[[], Any]) -> None:
    with pytest.raises(ValueError, match=r"attention_sum_reader: .* leaves places at 0"):
        task_of("attention_sum").model(partial(Composed, score=Dot, selection=selection))
    heads = partial(composed_heads, heads=2, score=Dot, selection=selection)
    with pytest.raises(ValueError, match="attention_sum_reader"):
        task_of("attention_sum").model(heads)


def test_the_control_lets_the_attention_sum_reader_count_mentions() -> None:
    task = task_of("attention_sum")
    rows = rows_of(task)
    model = built(task, CONTROL)
    output = model(task.collate(rows))
    for nll, words, answer, names in zip(output.nll, rows["document"], rows["answer"], rows["candidates"], strict=True):
        share = words.count(answer) / sum(words.count(name) for name in names)
        assert nll.exp().item() == pytest.approx(1 / share)
    (output.nll.sum() + output.penalty.sum()).backward()  # there is nothing to learn, and training runs


def test_an_answer_that_no_weight_reaches_is_very_unlikely_and_no_infinity() -> None:
    task = task_of("attention_sum")
    model = built(task, DOT).float()
    batch = task.collate(rows_of(task))
    nowhere = batch._replace(mentions=torch.where(batch.mentions == batch.answer.unsqueeze(1), 0, batch.mentions))
    output = model(nowhere)
    assert output.nll.isfinite().all()
    assert bool((output.nll > 80).all())


def test_each_word_of_a_question_has_the_evidence_as_gold_and_padding_none() -> None:
    task = task_of("impatient", stories="short")
    batch = task.collate(rows_of(task))
    output = built(task, ADDITIVE)(batch)
    assert batch.gold is not None
    assert output.gold is not None
    for index, words in enumerate(batch.question_words):
        assert torch.equal(output.gold[index, : len(words)], batch.gold[index].expand(len(words), -1))
        assert not output.gold[index, len(words) :].any()


def test_drawn_looks_of_an_impatient_reader_are_each_rewarded_with_the_answer() -> None:
    task = task_of("impatient", stories="short")
    model = built(task, HARD).train()
    estimator = Reinforce(expected_first=0.0, discount=0.0, baseline="none", entropy_weight=0.0)
    estimator.meet(model)
    torch.manual_seed(3)
    estimate = estimator(model, task.collate(rows_of(task)))
    (alignment,) = estimate.output.alignments
    assert alignment.log_prob is not None
    rewarded = torch.autograd.grad(estimate.loss, alignment.log_prob, retain_graph=True)[0]
    counted = alignment.weights.sum(dim=-1) > 0
    expected = (estimate.output.nll.detach() / len(rewarded)).unsqueeze(1).expand_as(rewarded)
    assert not counted.all()
    torch.testing.assert_close(rewarded[counted], expected[counted], rtol=1e-4, atol=1e-6, check_dtype=False)


def made_up(entities: int, words: int, memory: int, batch: int) -> Cloze:
    """Documents and questions of so many words, all of which count."""
    return Cloze(
        document=torch.randint(4, 9, (batch, memory)),
        question=torch.randint(4, 9, (batch, words)),
        mentions=torch.zeros(batch, memory, dtype=torch.long),
        candidates=torch.ones(batch, entities, dtype=torch.bool),
        answer=torch.zeros(batch, dtype=torch.long),
        gold=None,
        document_words=[],
        question_words=[],
        answers=[],
        about=[],
    )


def kept_numbers(model: ImpatientReader, words: int, memory: int, batch: int) -> int:
    """How many numbers stay for the backward pass of reading so many question words, each storage once."""
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes() // 4
        held.append(tensor)
        return tensor

    held: list[Tensor] = []
    examples = made_up(len(model.entities), words, memory, batch)
    with saved_tensors_hooks(keep, lambda tensor: tensor):
        model(examples)
    return sum(kept.values())


def test_what_a_question_word_leaves_behind_does_not_hold_the_document_times_hidden() -> None:
    """The scores' hidden layer alone would be `hidden` times a document's length, for each word of a question."""
    hidden, memory, batch = 128, 1024, 8
    attention = partial(Composed, score=partial(Additive, hidden_dim=hidden), selection=Softmax)
    vocabulary = Vocabulary([["a", "b", "c", "d", "e"]])
    model = ImpatientReader(vocabulary, vocabulary, attention, **SIZES)
    more = kept_numbers(model, 6, memory, batch) - kept_numbers(model, 2, memory, batch)
    assert more / 4 < 8 * batch * memory


def test_a_step_of_many_questions_on_long_documents_takes_less_than_2_gib() -> None:
    """32 × 50 × 2000 words; the scores' hidden layer alone would be 1.5 GiB in all looks."""
    attention = partial(Composed, score=partial(Additive, hidden_dim=128), selection=Softmax)
    vocabulary = Vocabulary([["a", "b", "c", "d", "e"]])
    model = ImpatientReader(vocabulary, vocabulary, attention, embedding_dim=64, hidden_dim=64, dropout=0.1)
    optimizer = torch.optim.Adam(model.parameters())
    batch = made_up(len(vocabulary), words=50, memory=2000, batch=32)

    def step() -> None:
        model(batch).nll.mean().backward()
        optimizer.step()

    assert 2**29 < traced(step) < 2**31


def test_a_model_that_looks_nowhere_has_no_attention_quality() -> None:
    task = task_of("deep_lstm")
    quality = AttentionQuality()
    quality.add(built(task, CONTROL)(task.collate(rows_of(task))))
    assert (quality.overall(), quality.each()) == ({}, {})


@pytest.mark.parametrize(
    "chosen", ["attentive_reader", "impatient_reader", "stanford_reader", "attention_sum_reader", "deep_lstm_reader"]
)
def test_each_config_builds_its_reader(chosen: str) -> None:
    attention = "uniform" if chosen == "deep_lstm_reader" else "dot_soft"
    options = ["task=reading", f"task/model={chosen}", f"attention={attention}", "task/data=stories_long"]
    sizes = "task.data.sizes={train: 3, validation: 1, test: 1}"
    with initialize_config_module("attnbench.conf", version_base="1.3"):
        config = compose("run", overrides=[*options, sizes, "budget.width=8"])
    model = instantiate(config.task).model(instantiate(config.attention))
    assert type(model).__name__.lower() == chosen.replace("_", "")
    assert model.embedding.embedding_dim == 8
