"""Unknown words: only they are replaced, by what they looked at most."""

from pathlib import Path

import pytest
import torch

from attnbench.attention import Alignment
from attnbench.tasks.base import Candidate, Prediction
from attnbench.tasks.sequence.text import END, UNKNOWN
from attnbench.tasks.source import DataError
from attnbench.tasks.translation.unknown import UnknownWords, read_dictionary

SAID = ["ein", UNKNOWN, "läuft", UNKNOWN]
READ = [["the", "poodle", "runs", "away"], ["two", "cats"]]
LOOKED = torch.tensor(
    [
        [[0.9, 0.1, 0, 0], [0.2, 0.5, 0.3, 0], [0, 0, 1, 0], [0, 0.1, 0.1, 0.8], [0, 0, 0, 1]],
        [[1, 0, 0, 0], [0, 0, 0, 0], [0, 1, 0, 0], [0.4, 0.6, 0, 0], [0, 0, 0, 0]],
    ]
)


def predicted(*places: torch.Tensor) -> Prediction:
    queries = [[*SAID, END], SAID]
    text = " ".join(SAID)
    return Prediction(
        said=[text, text],
        truth=[["ein Pudel läuft weg"], ["x"]],
        alignments=[Alignment(place) for place in places],
        queries=queries,
        memory=READ,
        ranked=[
            [Candidate(text, queries[0], -1.0, LOOKED[0]), Candidate("ein", ["ein", END], -2.0, LOOKED[0, :2])],
            [],
        ],
    )


def dictionary(folder: Path, text: str) -> Path:
    path = folder / "words.txt"
    path.write_text(text, "utf-8")
    return path


def test_an_unknown_word_becomes_the_word_it_looked_at_most_and_nothing_else_changes() -> None:
    before = predicted(LOOKED)
    after = UnknownWords("copy")(before)
    # The second example's first <unk> looked nowhere, and stays.
    assert list(after.said) == ["ein poodle läuft away", f"ein {UNKNOWN} läuft cats"]
    assert after.queries == before.queries
    assert after._replace(said=before.said, ranked=before.ranked) == before


def test_of_several_places_the_mean_counts() -> None:
    other = LOOKED.clone()
    other[0, 1] = torch.tensor([0.0, 0.0, 1.0, 0.0])  # with 0.2 0.5 0.3: the third in the mean
    assert UnknownWords("copy")(predicted(LOOKED, other)).said[0] == "ein runs läuft away"


def test_a_dictionary_translates_what_it_has_and_the_rest_is_copied(tmp_path: Path) -> None:
    words = UnknownWords("copy", dictionary(tmp_path, "poodle\tPudel\ncats Katzen\nein\tone\n"))
    assert list(words(predicted(LOOKED)).said) == ["ein Pudel läuft away", f"ein {UNKNOWN} läuft Katzen"]


def test_every_ranked_sentence_is_treated_alike() -> None:
    after = UnknownWords("copy")(predicted(LOOKED)).ranked
    assert [[(those.said, those.score) for those in row] for row in after] == [
        [("ein poodle läuft away", -1.0), ("ein", -2.0)],
        [],
    ]


def test_none_changes_nothing() -> None:
    before = predicted(LOOKED)
    assert UnknownWords("none")(before) is before


def test_a_sentence_without_unknown_words_stays_as_it_is() -> None:
    before = predicted(LOOKED)._replace(said=["ein  Hund", "zwei"], queries=[["ein", "Hund", END], ["zwei", END]])
    assert list(UnknownWords("copy")(before).said) == ["ein  Hund", "zwei"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a b\nc\n", "line 2 has 1 columns"),
        ("a b\nc d e\n", "line 2 has 3 columns"),
        ("a b\n\n", "line 2 has 0 columns"),
        ("a b\na c\n", "line 2: a has another translation, b, before"),
    ],
)
def test_a_dictionary_of_another_form_is_refused(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        read_dictionary(dictionary(tmp_path, text))


@pytest.mark.usefixtures("unchecked_types")
def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="replace_unknown=all: must be one of none, copy"):
        UnknownWords("all")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"dictionary=d\.txt: is read with replace_unknown=copy alone"):
        UnknownWords("none", Path("d.txt"))
