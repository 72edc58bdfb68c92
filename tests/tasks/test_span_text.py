"""Words keep their offsets, windows leave nothing out, the best span is the best of all, and figures follow SQuAD's rules."""

import itertools
import math
import random

import numpy as np
import pytest
import torch

from attnbench.tasks.base import Prediction
from attnbench.tasks.spans.lexicon import Lexicon
from attnbench.tasks.spans.marks import DECAY, document_marks, question_marks
from attnbench.tasks.spans.measures import all_answers, each_answer, exact_match, f1, normalised
from attnbench.tasks.spans.pointers import best_spans
from attnbench.tasks.spans.tokens import words_of
from attnbench.tasks.spans.windows import Parting

ALPHABET = [
    *"aZ9_ .,!?'’\"-—()[]$€%&/\\\n\t\r",
    "\u00a0",
    "\u2003",
    "\u200b",
    "\ufeff",
    "é",
    "e\u0301",
    "ß",
    "İ",
    "Ω",
    "日本",
    "한",
    "ا",
    "न\u0940",
    "½",
    "²",
    "٣",
    "😀",
    "👩\u200d🚀",
    "\U00010348",
    "n't",
    "'s",
    "1,000.5",
    "1970s",
]


def random_text(seed: int) -> str:
    rng = random.Random(seed)
    return "".join(rng.choice(ALPHABET) for _ in range(rng.randint(1, 80)))


@pytest.mark.parametrize("seed", range(40))
def test_words_are_pieces_of_the_text_and_all_that_is_between_them_is_white_space(seed: int) -> None:
    text = random_text(seed)
    words = words_of(text)
    assert [text[a:b] for a, b in zip(words.starts, words.ends, strict=True)] == words.words
    edges = [0, *itertools.chain(*zip(words.starts, words.ends, strict=True)), len(text)]
    assert edges == sorted(edges)
    gaps = [text[a:b] for a, b in zip(edges[::2], edges[1::2], strict=True)]
    assert not "".join(gaps).strip()
    assert all(word and not word[0].isspace() for word in words.words)


@pytest.mark.parametrize("seed", range(40))
def test_the_words_that_cover_a_piece_are_the_fewest_that_hold_it(seed: int) -> None:
    text = random_text(seed)
    words, rng = words_of(text), random.Random(seed)
    for _ in range(10):
        start = rng.randrange(len(text))
        end = rng.randint(start + 1, len(text))
        inside = [n for n in range(len(words.words)) if words.starts[n] < end and words.ends[n] > start]
        assert words.covering(start, end) == ((inside[0], inside[-1]) if inside else None)


def test_english_is_parted_as_people_write_it() -> None:
    text = "Newton's 1,000.5 kg—the U.S. didn't pay $3.5bn in the 1970s (naïve re\u0301sume\u0301)?"
    expected = "Newton 's 1,000.5 kg — the U . S . didn 't pay $ 3.5bn in the 1970s ( naïve re\u0301sume\u0301 ) ?"
    assert words_of(text).words == expected.split()


def test_a_long_run_of_anything_is_parted_in_time_that_grows_with_it() -> None:
    for piece in ("1.", "1", "a\u0301", "'s", "a.", " "):
        assert "".join(words_of(piece * 10_000).words) == (piece * 10_000).replace(" ", "")


def kept(word: int, window: tuple[int, int], length: int) -> float:
    """How many words lie between a word and the nearest end of its window that is none of the document."""
    before = word - window[0] if window[0] > 0 else math.inf
    return min(before, window[1] - 1 - word if window[1] < length else math.inf)


@pytest.mark.parametrize(("width", "stride"), [(1, 1), (4, 1), (4, 2), (5, 3), (4, 4), (7, 5), (50, 20)])
def test_windows_hold_every_word_and_each_is_read_where_most_of_what_is_around_it_is_kept(
    width: int, stride: int
) -> None:
    parting = Parting(width, stride)
    for length in range(1, 40):
        windows = [(start, min(start + width, length)) for start in parting.starts(length)]
        owners = parting.owners(length)
        assert windows[-1][1] == length
        assert len(owners) == length
        for word, owner in enumerate(owners):
            start, end = windows[owner]
            assert start <= word < end
            around = [kept(word, window, length) for window in windows if window[0] <= word < window[1]]
            assert kept(word, (start, end), length) == max(around)


@pytest.mark.parametrize(("width", "stride"), [(4, 2), (5, 3), (4, 4), (7, 5)])
def test_the_window_that_is_trained_on_holds_the_answer(width: int, stride: int) -> None:
    parting = Parting(width, stride)
    for length, first in itertools.product(range(1, 30), range(30)):
        for last in range(first, min(first + width, length)):
            start, end = parting.holding(length, first, last)
            assert 0 <= start <= first <= last < end <= length
            assert end - start <= width
            assert end == length or end - start == width
    assert parting.holding(30, 3, 25)[0] == 3  # an answer longer than a window: its beginning


def test_what_is_read_in_windows_comes_back_word_by_word() -> None:
    lengths = [11, 4, 1, 7]
    windows = Parting(4, 3).windows(lengths)
    assert windows is not None
    texts = torch.arange(4 * 11.0).view(4, 11, 1) + 100
    split = windows.split(texts)
    assert split.shape[1] == 4
    back = windows.join(split)
    for row, length in enumerate(lengths):
        assert torch.equal(back[row, :length], texts[row, :length])
    assert windows.mask.sum().item() > sum(lengths)  # they overlap
    for inside, numbers in zip(windows.mask, windows.reads, strict=True):  # a window is a stretch of one document
        found = numbers[inside].tolist()
        assert found == list(range(found[0], found[0] + len(found)))
        assert len({number // 11 for number in found}) == 1
    assert Parting(11, 3).windows(lengths) is None


@pytest.mark.parametrize("seed", range(12))
def test_the_best_span_is_that_of_an_exhaustive_search(seed: int) -> None:
    torch.manual_seed(seed)
    memory, longest = seed % 6 + 1, seed % 4 + 1
    start, end = (torch.log_softmax(3 * torch.randn(3, memory), dim=1) for _ in range(2))
    start[0, memory // 2 + 1 :] = end[0, memory // 2 + 1 :] = -torch.inf  # padding
    found = best_spans(start, end, longest)
    for row in range(3):
        spans = [(i, j) for i in range(memory) for j in range(i, min(memory, i + longest))]
        best = max(spans, key=lambda span: float(start[row, span[0]] + end[row, span[1]]))
        assert (found[0][row].item(), found[1][row].item()) == best
        assert found[2][row].item() == pytest.approx(float(start[row, best[0]] + end[row, best[1]]))


LEXICON = Lexicon(
    [["the", "Cat", "sat"], ["the", "dog"], ["the", "cat"], ["the", "end"]], [["Which", "cat"]], least_count=1
)


def test_rarity_grows_as_fewer_documents_have_the_word() -> None:
    assert LEXICON["the"].rarity == pytest.approx(0.0)
    assert LEXICON["CAT"].rarity == pytest.approx(math.log(4 / 2) / math.log(4))
    assert LEXICON["dog"].rarity == LEXICON["unheard"].rarity == 1.0
    again = Lexicon.of(LEXICON.plain())
    assert [again[word] for word in ("the", "Cat", "zebra")] == [LEXICON[word] for word in ("the", "Cat", "zebra")]


def test_a_word_outside_has_the_number_of_its_bucket_and_a_symbols_name_is_a_word_outside() -> None:
    assert LEXICON["Zebra"].number == LEXICON["zebra"].number == LEXICON["zebra"].bucket >= len(LEXICON.words)
    assert LEXICON["cat"].number < len(LEXICON.words) <= LEXICON["cat"].bucket < LEXICON.size
    assert LEXICON["<pad>"].number >= len(LEXICON.words)
    assert LEXICON["Zebra"].forms != LEXICON["zebra"].forms  # by their shape


def test_marks_are_their_formulas() -> None:
    words, question = ["The", "cat", "slept", "cats", "Cat"], ["which", "cat", "sleeps", "there"]
    marks = document_marks(words, question, LEXICON)
    stems = [0, 1, 0, 0, 1]  # `cats` begins like no word of the question to its fifth letter
    assert marks[:, 0].tolist() == [0, 1, 0, 0, 0]
    assert marks[:, 1].tolist() == [0, 1, 0, 0, 1]
    assert marks[:, 2].tolist() == stems
    np.testing.assert_allclose(marks[:, 3], [10 * count / 5 for count in (1, 2, 1, 1, 2)], rtol=1e-6)
    met = [stem * LEXICON[word].rarity for stem, word in zip(stems, words, strict=True)]
    np.testing.assert_allclose(marks[:, 4], met, rtol=1e-6)
    before = [sum(DECAY ** (i - j) * met[j] for j in range(i)) for i in range(5)]
    behind = [sum(DECAY ** (j - i) * met[j] for j in range(i + 1, 5)) for i in range(5)]
    np.testing.assert_allclose(marks[:, 5:], np.column_stack([before, behind]), rtol=1e-5)
    assert question_marks(question, words, LEXICON)[:, :2].tolist() == [[0, 0], [1, 1], [0, 0], [0, 0]]
    assert document_marks(["sleeping"], ["sleepless"], LEXICON)[0, :3].tolist() == [0, 0, 1]


def test_answers_are_compared_without_case_punctuation_articles_and_white_space() -> None:
    same = [
        ("The Cat.", "cat"),
        ("a  cat\n", "A cat!"),
        ("U.S.", "us"),
        ("the", "an"),
        ("", "the"),
        ("Ada-Brand", "AdaBrand"),
        ("an apple a day", "apple day"),
        ("1,000", "1000"),
    ]
    different = [("theatre", "atre"), ("cats", "cat"), ("“cat”", "cat"), ("café", "cafe"), ("", "cat"), ("a-b", "b")]
    assert [exact_match(*pair) for pair in same] == [100.0] * len(same)
    assert [exact_match(*pair) for pair in different] == [0.0] * len(different)
    assert normalised("  The “Big” a-b_c,  D.\tthe ") == "“big” abc d"


def test_f1_counts_shared_words_as_bags() -> None:
    assert f1("the big cat", "cat") == pytest.approx(100 * 2 * (1 / 2) * 1 / (1 / 2 + 1))
    assert f1("cat cat dog", "cat cat cat bird") == pytest.approx(100 * 2 * (2 / 3) * (2 / 4) / (2 / 3 + 2 / 4))
    assert f1("dog cat", "cat dog") == 100.0
    assert f1("dog", "cat") == 0.0
    assert f1("", "cat") == 0.0
    assert f1("", "the") == 0.0  # SQuAD 1.1's evaluation: no word in common, though both are empty and match exactly


def test_the_reference_that_suits_most_counts_for_each_measure_by_itself() -> None:
    found = each_answer(["big cat", "x"], [["big dog sat", "the big cat", "cat"], ["y", "x z", "z x x"]])
    assert found == {"exact_match": [100.0, 0.0], "f1": [100.0, pytest.approx(200 / 3)]}
    halves = [Prediction([said], [[truth]], [], [], []) for said, truth in (("a cat", "cat"), ("b", "c"))]
    assert all_answers(halves) == {"exact_match": [100.0, 0.0], "f1": [100.0, 0.0]}
