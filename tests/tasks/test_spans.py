"""The task of spans and its readers keep the contracts, whatever the documents' length and the attention."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from datasets import DatasetDict
from hydra import compose, initialize_config_module
from hydra.utils import instantiate

from attnbench.attention import Composed
from attnbench.attention.score.coverage import Coverage
from attnbench.attention.score.dot import Dot
from attnbench.attention.selection.hard import Hard
from attnbench.attention.selection.softmax import Softmax
from attnbench.tasks.examples import Columns
from attnbench.tasks.source import DataError, Source
from attnbench.tasks.spans import Spans
from attnbench.tasks.spans.bidaf import Bidaf
from attnbench.tasks.spans.chronicles import DEEDS, THINGS, Chronicles
from attnbench.tasks.spans.document_reader import DocumentReader
from attnbench.tasks.spans.encoder import StackedLstm, WordVectors
from attnbench.tasks.spans.reader import SpanReader
from attnbench.tasks.testing import check_task

SIZES = {"train": 24, "validation": 8, "test": 6}
SOFT, HARD = (partial(Composed, score=Dot, selection=selection) for selection in (Softmax, Hard))
READERS: dict[str, Callable[..., SpanReader]] = {"document_reader": DocumentReader, "bidaf": Bidaf}
SMALL = {"embedding_dim": 6, "form_dim": 2, "hidden_dim": 5, "layers": 2, "longest_answer": 4}


def task_of(
    reader: str = "document_reader", *, window: int = 400, stride: int = 200, dropout: float = 0.0, **changes: Any
) -> Spans:
    build = partial(READERS[reader], **{**SMALL, "dropout": dropout, "word_dropout": dropout, **changes})
    source = Chronicles(seed=0, sizes=SIZES)
    return Spans(source, build, batch_size=8, seed=0, least_count=1, window=window, stride=stride)


def reader_of(task: Spans, attention: Any = SOFT) -> SpanReader:
    torch.manual_seed(0)
    model = task.model(attention)
    assert isinstance(model, SpanReader)
    return model.double().eval()


def rows_of(task: Spans, split: str = "test") -> Columns:
    columns: Columns = task.data.splits[split][:]
    return columns


def one(rows: Columns, index: int) -> Columns:
    return {name: values[index : index + 1] for name, values in rows.items()}


def doubled(task: Spans, rows: Columns) -> Any:
    """The batch with its marks in the model's precision."""
    batch = task.collate(rows)
    document, question = (texts._replace(marks=texts.marks.double()) for texts in (batch.document, batch.question))
    return batch._replace(document=document, question=question)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(("attention", "window"), [(SOFT, 400), (HARD, 20)], ids=["soft", "hard_in_windows"])
def test_the_task_keeps_its_contract(reader: str, attention: Any, window: int) -> None:
    check_task(task_of(reader, window=window, stride=12 if window == 20 else 200, dropout=0.1), attention)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("window", [400, 20])
def test_padding_changes_nothing(reader: str, window: int) -> None:
    task = task_of(reader, window=window, stride=min(window, 12))
    model, rows = reader_of(task), rows_of(task)
    together = model.read(doubled(task, rows))
    for index in range(len(rows["id"])):
        alone = model.read(doubled(task, one(rows, index)))
        memory, length = alone.alignment.weights.shape[1:]
        torch.testing.assert_close(together.start[index, :memory], alone.start[0])
        torch.testing.assert_close(together.end[index, :memory], alone.end[0])
        torch.testing.assert_close(together.alignment.weights[index, :memory, :length], alone.alignment.weights[0])
        assert not together.alignment.weights[index, memory:].any()
        assert not together.alignment.weights[index, :, length:].any()
        assert not together.start[index, memory:].exp().any()


def test_starts_and_ends_are_distributions_over_the_whole_document() -> None:
    task = task_of(window=20, stride=12)
    pointed = reader_of(task).read(doubled(task, rows_of(task)))
    for log_probs in (pointed.start, pointed.end):
        torch.testing.assert_close(log_probs.exp().sum(dim=1), torch.ones(SIZES["test"]))


def test_what_a_window_cuts_off_is_not_read_there() -> None:
    task = task_of(window=20, stride=20)  # windows that do not overlap
    model, rows = reader_of(task), one(rows_of(task), 0)
    batch = doubled(task, rows)
    before = model.point(batch).start
    numbers = batch.document.numbers.clone()
    numbers[0, 45] += 1
    moved = (model.point(batch._replace(document=batch.document._replace(numbers=numbers))).start - before)[0]
    assert moved[:40].abs().max() < 1e-9
    assert moved[40:].abs().max() > 1e-6


def test_an_answer_is_two_symbols_and_its_likelihood_that_of_its_ends() -> None:
    task = task_of()
    model, rows = reader_of(task), rows_of(task)
    batch = doubled(task, rows)
    output, pointed = model(batch), model.read(batch)
    assert output.symbols.tolist() == [2] * SIZES["test"]
    for index, (first, last) in enumerate(zip(batch.first.tolist(), batch.last.tolist(), strict=True)):
        words = batch.words[index]
        text = rows["document"][index][words.starts[first] : words.ends[last]]
        assert text == rows["answers"][index][0]
        expected = -(pointed.start[index, first] + pointed.end[index, last])
        torch.testing.assert_close(output.nll[index].double(), expected.double())


def test_aligned_question_attention_is_its_plain_loop() -> None:
    task = task_of()
    model = reader_of(task)
    assert isinstance(model, DocumentReader)
    batch = doubled(task, rows_of(task))
    told: list[torch.Tensor] = []
    model.document.register_forward_pre_hook(lambda _, inputs: told.append(inputs[0]))
    alignment = model(batch).alignments[0]
    hidden = model.embedding.hidden(SIZES["test"], batch.first.device)
    words, asked = model.embedding(batch.document, hidden), model.embedding(batch.question, hidden)

    def dense(vector: torch.Tensor) -> torch.Tensor:
        return torch.relu(model.dense.weight @ vector + model.dense.bias)

    size = model.embedding.size
    for row, place in ((0, 0), (1, 7), (5, 3)):
        length = len(batch.asked[row])
        scores = torch.stack([dense(words[row, place]) @ dense(asked[row, j]) for j in range(length)])
        weights = scores.exp() / scores.exp().sum()
        aligned = sum(weights[j] * asked[row, j] for j in range(length))
        torch.testing.assert_close(alignment.weights[row, place, :length], weights)
        torch.testing.assert_close(told[0][row, place, size : 2 * size], aligned)


def test_bidafs_flow_is_its_plain_loop() -> None:
    task = task_of("bidaf")
    model = reader_of(task)
    assert isinstance(model, Bidaf)
    batch = doubled(task, rows_of(task))
    heard: dict[str, list[torch.Tensor]] = {"contextual": [], "flow": []}
    model.contextual.register_forward_hook(lambda _, inputs, states: heard["contextual"].append(states))
    model.modelling.register_forward_pre_hook(lambda _, inputs: heard["flow"].append(inputs[0]))
    model(batch)
    (states, keys), (flow,) = heard["contextual"], heard["flow"]
    form = torch.cat([model.of_document.weight[0], model.of_question.weight[0], model.of_both])
    row, memory, length = 1, len(batch.words[1].words), len(batch.asked[1])
    best = torch.stack(
        [
            max(form @ torch.cat([h, u, h * u]) for u in keys[row, :length])  # type: ignore[type-var]
            for h in states[row, :memory]
        ]
    )
    whole = (best.exp() / best.exp().sum()) @ states[row, :memory]
    for place in (0, 4):
        h = states[row, place]
        scores = torch.stack([h @ u for u in keys[row, :length]])
        found = (scores.exp() / scores.exp().sum()) @ keys[row, :length]
        torch.testing.assert_close(flow[row, place], torch.cat([h, found, h * found, h * whole]))


def test_the_encoder_reads_both_ways_and_no_padding() -> None:
    torch.manual_seed(0)
    encoder = StackedLstm(3, 4, 2, 0.0)
    reference = torch.nn.LSTM(3, 4, 2, bidirectional=True, batch_first=True)
    for layer in range(2):
        for suffix, lstm in (("", encoder.layers[layer].ahead), ("_reverse", encoder.layers[layer].behind)):
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
                getattr(reference, f"{name}_l{layer}{suffix}").data.copy_(getattr(lstm, f"{name}_l0"))
    texts, lengths = torch.randn(3, 6, 3), torch.tensor([6, 2, 1])
    packed = torch.nn.utils.rnn.pack_padded_sequence(texts, lengths, batch_first=True)
    expected = torch.nn.utils.rnn.pad_packed_sequence(reference(packed)[0], batch_first=True)[0]
    mask = torch.arange(6) < lengths.unsqueeze(1)
    found = encoder(texts, mask, None)[..., -8:] * mask.unsqueeze(2)
    torch.testing.assert_close(found, expected)


def test_a_word_that_is_hidden_is_hidden_in_all_of_its_example() -> None:
    task = task_of(dropout=0.0)
    batch = task.collate(rows_of(task))
    vectors = WordVectors(task.lexicon, embedding_dim=3, form_dim=0, dropout=0.0, word_dropout=0.5).train()
    torch.manual_seed(0)
    hidden = vectors.hidden(SIZES["test"], torch.device("cpu"))
    found = vectors(batch.document, hidden)
    gone = (found == vectors.words(batch.document.buckets)).all(dim=2) & batch.document.mask
    for row, numbers in enumerate(batch.document.numbers):
        for number in numbers[batch.document.mask[row]].unique():
            assert len(set(gone[row, numbers == number].tolist())) == 1
    assert 0.3 < gone[batch.document.mask].double().mean() < 0.7
    assert not vectors.eval().hidden(SIZES["test"], torch.device("cpu")).any()


def test_what_is_said_is_a_piece_of_the_document_where_it_says_it_is() -> None:
    task = task_of(window=20, stride=12)
    model, rows = reader_of(task), rows_of(task)
    prediction = model.predict(doubled(task, rows))
    for said, about, text, name in zip(prediction.said, prediction.about, rows["document"], rows["id"], strict=True):
        told = json.loads(about)
        assert text[told["start"] : told["start"] + len(said)] == said
        assert told["id"] == name
        assert 0 < told["confidence"] <= 1
    assert prediction.memory[0] == doubled(task, rows).asked[0]


def test_the_answer_at_its_offset_is_learnt_though_it_stands_elsewhere_too() -> None:
    task = task_of()
    text = "Ada met Ada, and Ada."
    row = {"id": ["x"], "document": [text], "question": ["Who?"], "answers": [["Ada"]], "starts": [[17]]}
    batch = task.collate(row)
    assert (batch.first.item(), batch.last.item()) == (5, 5)
    snapped = task.collate({**row, "answers": [["me"]], "starts": [[4]]})
    assert snapped.words[0].words[snapped.first.item()] == "met"


def test_taught_rows_are_cut_to_the_window_that_holds_the_answer() -> None:
    task = task_of(window=10, stride=5)
    rows = rows_of(task, "train")
    taught = {name: values for name, values in rows.items() if name != "gold"} | {"taught": [True] * SIZES["train"]}
    batch = task.collate(taught)
    assert batch.document.mask.shape[1] == 10
    assert batch.windows is None
    for row, (first, last) in enumerate(zip(batch.first.tolist(), batch.last.tolist(), strict=True)):
        words = batch.words[row]
        assert rows["document"][row][words.starts[first] : words.ends[last]] == rows["answers"][row][0]


def test_gold_links_words_that_mean_the_same() -> None:
    task = task_of()
    batch = task.collate(rows_of(task))
    said = {**DEEDS, **THINGS}
    assert batch.gold is not None
    links = batch.gold.nonzero().tolist()
    assert len(links) >= 4 * SIZES["test"]
    for row, place, asked in links:
        assert said[batch.words[row].words[place]] == batch.asked[row][asked]


def test_a_question_on_a_chronicle_has_one_answer_and_other_words() -> None:
    for row in Chronicles(seed=3, sizes=SIZES).load()["train"]:
        (answer,), (start,) = row["answers"], row["starts"]
        assert row["document"][start : start + len(answer)] == answer
        content = {word for word in row["question"].lower().rstrip("?").split() if word not in ("the", "was", "in")}
        assert not content & set(row["document"].lower().replace(".", "").split())
        sentences = [s for s in row["document"].split(".") if s]
        back = {asked: said for said, asked in {**DEEDS, **THINGS}.items()}
        meant = [back[word] for word in row["question"].rstrip("?").split() if word in back]
        told = [s for s in sentences if all(word in s.split() for word in meant)]
        assert len(told) == 1
        assert answer in told[0]
        for word in meant:
            assert sum(word in s.split() for s in sentences) == 2


def test_a_document_without_words_is_refused() -> None:
    task = task_of()
    row = {"id": ["x7"], "document": [" \n"], "question": ["Who?"], "answers": [[]], "starts": [[]]}
    with pytest.raises(DataError, match="question x7: its document has no word"):
        task.collate(row)
    with pytest.raises(DataError, match="question x7: it has no word"):
        task.collate({**row, "document": ["a"], "question": [" "]})


def test_of_a_question_without_end_the_beginning_is_read() -> None:
    task = task_of()
    row = {"id": ["x"], "document": ["Ada"], "question": ["why " * 10_000], "answers": [["Ada"]], "starts": [[0]]}
    batch = task.collate(row)
    assert batch.asked == [["why"] * task.longest_question]
    assert reader_of(task).float()(batch).nll.item() == pytest.approx(0.0)


def test_an_attention_that_reads_the_past_is_refused_in_one_line() -> None:
    task = task_of()
    with pytest.raises(ValueError, match="look into the question in no order"):
        task.model(partial(Composed, score=partial(Coverage, hidden_dim=4), selection=Softmax))


def test_a_model_is_made_again_from_what_its_checkpoint_kept() -> None:
    task, again = task_of(), task_of()
    kept = json.loads(json.dumps(reader_of(task).get_extra_state()))
    again.recall(kept)
    assert again.lexicon.plain() == task.lexicon.plain()
    again.recall({"other": 1})  # what another task kept is none of ours


class Elsewhere(Source):
    name = "pairs"

    def load(self) -> DatasetDict:
        raise AssertionError("read before it was asked for")

    def checksum(self) -> str:
        return ""


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": Elsewhere()}, "task/data=pairs: task spans reads questions whose answer stands in a document"),
        ({"stride": 0}, "stride=0: must be from 1 to window=9"),
        ({"stride": 10}, "stride=10: must be from 1 to window=9"),
        ({"least_count": 0}, "least_count=0: must be at least 1"),
    ],
)
def test_settings_that_cannot_be_are_refused(changes: dict[str, Any], message: str) -> None:
    given = {"data": Chronicles(seed=0, sizes=SIZES), "stride": 4, "least_count": 1, **changes}
    with pytest.raises(ValueError, match=message):
        Spans(model=partial(DocumentReader), batch_size=8, seed=0, window=9, **given)


@pytest.mark.parametrize(
    ("name", "value"), [("longest_answer", 0), ("layers", 0), ("word_dropout", 1.0), ("form_dim", -1)]
)
def test_sizes_that_cannot_be_are_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{name}={value}: must be"):
        task_of(**{name: value}).model(SOFT)


@pytest.mark.parametrize("reader", READERS)
def test_the_configs_build_the_task(reader: str) -> None:
    words = ["task=spans", f"task/model={reader}", "task.data.sizes={train: 9, validation: 1, test: 1}"]
    with initialize_config_module("attnbench.conf", version_base="1.3"):
        config = compose("run", overrides=words)
    model = instantiate(config.task).model(SOFT)
    assert isinstance(model, READERS[reader])
    assert model.embedding.words.embedding_dim == config.budget.width
