"""Word vectors: a file's vectors stand where its words do, and what is wrong with it is named."""

import gzip
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import nn

from attnbench.attention import Composed
from attnbench.attention.score.dot import Dot
from attnbench.attention.selection.softmax import Softmax
from attnbench.tasks.reading import Reading
from attnbench.tasks.reading.attentive import AttentiveReader
from attnbench.tasks.reading.stories import Stories
from attnbench.tasks.sequence.text import Vocabulary
from attnbench.tasks.sequence.vectors import Vectors
from attnbench.tasks.source import DataError

LINES = "dog 1 2 -3\ncat 0.5 0 1e-2\nnobody 9 9 9\ndog 7 7 7\n"
ATTENTION = partial(Composed, score=Dot, selection=Softmax)


def vectors(folder: Path, text: str | bytes, name: str = "v.txt") -> Vectors:
    data = text if isinstance(text, bytes) else text.encode()
    (folder / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return Vectors(data_dir=str(folder), file=name)


def filled(source: Vectors, *words: str) -> tuple[torch.Tensor, torch.Tensor]:
    """The embedding before and after."""
    vocabulary = Vocabulary([words])
    embedding = nn.Embedding(len(vocabulary), 3)
    before = embedding.weight.detach().clone()
    source.fill(embedding, vocabulary)
    return before[4:], embedding.weight.detach()[4:]


@pytest.mark.parametrize("name", ["v.txt", "v.txt.gz"])
@pytest.mark.parametrize("head", ["", "4 3\n"])
def test_words_of_the_file_have_its_vectors_and_others_their_own(tmp_path: Path, name: str, head: str) -> None:
    before, after = filled(vectors(tmp_path, head + LINES, name), "cat", "dog", "emu")
    torch.testing.assert_close(after[:2], torch.tensor([[0.5, 0.0, 0.01], [1.0, 2.0, -3.0]]))
    assert torch.equal(after[2], before[2])


def test_a_word_may_hold_blanks_and_other_white_space(tmp_path: Path) -> None:
    text = "dog 1 2 3\n. . . 4 5 6\na\u00a0b 7 8 9\nx\u0085y 1 1 1\n"
    _, after = filled(vectors(tmp_path, text), "a\u00a0b", "x\u0085y")
    assert after.tolist() == [[7, 8, 9], [1, 1, 1]]


def test_special_symbols_take_no_vector(tmp_path: Path) -> None:
    vocabulary = Vocabulary([["dog"]])
    embedding = nn.Embedding(len(vocabulary), 3)
    before = embedding.weight.detach().clone()
    vectors(tmp_path, "<unk> 1 2 3\n<pad> 1 2 3\n").fill(embedding, vocabulary)
    assert torch.equal(embedding.weight, before)


def test_words_found_are_counted(tmp_path: Path) -> None:
    vocabulary = Vocabulary([["cat", "dog", "emu"]])
    found = vectors(tmp_path, LINES).fill(nn.Embedding(len(vocabulary), 3), vocabulary)
    assert found == {
        "word with a vector": {"count": 2, "kept": {"train": 2}, "first": ["cat", "dog"]},
        "word without a vector": {"count": 1, "kept": {"train": 1}, "first": ["emu"]},
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dog 1 2 3\ncat 1 2\n", "line 2 has 2 numbers; should have 3"),
        ("dog 1 2 3\ncat 1 2 3 4\n", "line 2 has 4 numbers; should have 3"),
        ("dog 1 2 3\n\ncat 1 2 3\n", "line 2 has 0 numbers; should have 3"),
        ("dog 1 2 3\ncat 1 two 3\n", "line 2 holds 'two'; should be a number"),
        ("dog 1 nan 3\n", "line 1 holds 'nan'; should be a number"),
        (b"dog 1 2 3\nc\xff 1 2 3\n", "line 2 is not UTF-8"),
    ],
)
def test_a_line_that_is_no_vector_is_named(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(DataError, match=rf"v\.txt: {message}"):
        filled(vectors(tmp_path, text), "cat", "dog")


def test_a_file_that_is_not_there_or_cut_short_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.txt: no such file"):
        filled(Vectors(data_dir=str(tmp_path), file="none.txt"), "dog")
    source = vectors(tmp_path, "dog 1 2 3\n" * 1000, "v.txt.gz")
    path = tmp_path / "v.txt.gz"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DataError, match=r"v\.txt\.gz: cannot be read, cut short or damaged"):
        filled(source, "dog")


def reading(folder: Path, embedding_dim: int) -> Reading:
    build = partial(AttentiveReader, embedding_dim=embedding_dim, hidden_dim=4, dropout=0.0)
    source = Stories(seed=0, sizes={"train": 9, "validation": 2, "test": 2}, two_hops=0.5)
    return Reading(source, build, batch_size=2, seed=0, vectors="v.txt", data_dir=str(folder))


def test_a_reader_starts_from_the_vectors_and_tells(tmp_path: Path) -> None:
    vectors(tmp_path, "in 1 2 3\n")
    task = reading(tmp_path, 3)
    model = task.model(ATTENTION)
    assert isinstance(model, AttentiveReader)
    assert model.embedding.weight[task.vocabularies[0].numbers["in"]].tolist() == [1, 2, 3]
    assert task.findings()["word with a vector"]["first"] == ["in"]


def test_vectors_of_another_size_are_refused(tmp_path: Path) -> None:
    vectors(tmp_path, "in 1 2 3\n")
    with pytest.raises(ValueError, match=r"v\.txt: vectors of 3 numbers; embedding_dim=5 must be the same"):
        reading(tmp_path, 5).model(ATTENTION)


def test_a_trained_reader_is_built_again_without_data_and_file(tmp_path: Path) -> None:
    vectors(tmp_path, "in 1 2 3\n")
    model = reading(tmp_path, 3).model(ATTENTION)
    (tmp_path / "v.txt").unlink()
    again = reading(tmp_path, 3)
    again.recall(model.kept)
    rebuilt = again.model(ATTENTION)
    rebuilt.load_state_dict(model.state_dict())
    assert "splits" not in vars(again.data)
    for name, value in model.state_dict().items():
        assert name == "_extra_state" or torch.equal(value, rebuilt.state_dict()[name])
