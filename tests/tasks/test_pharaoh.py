"""Word alignments as lines of text, and how they are judged with sure and possible links."""

from pathlib import Path

import pytest
import torch

from attnbench.attention import quality
from attnbench.tasks.sequence.text import END
from attnbench.tasks.source import DataError
from attnbench.tasks.translation.pharaoh import Links, pharaoh, predicted_links, read_links


def written(folder: Path, text: str) -> Path:
    path = folder / "gold.pharaoh"
    path.write_text(text, "utf-8")
    return path


def test_a_file_has_sure_and_possible_links_line_by_line(tmp_path: Path) -> None:
    found = read_links(written(tmp_path, "0-0 1?2\n\n10-3 2?2 2-2\n"))
    assert found == [
        Links(frozenset({(0, 0)}), frozenset({(1, 2)})),
        Links(frozenset()),
        Links(frozenset({(10, 3), (2, 2)})),  # a link that is sure and possible is sure
    ]


def test_words_may_be_counted_from_1(tmp_path: Path) -> None:
    path = written(tmp_path, "1-1 2?3\n")
    assert read_links(path, one_based=True) == [Links(frozenset({(0, 0)}), frozenset({(1, 2)}))]
    assert read_links(path) == [Links(frozenset({(1, 1)}), frozenset({(2, 3)}))]


@pytest.mark.parametrize("word", ["0:0", "-1-0", "0-", "a-b", "0-0-0", "1.5-2", "٣-٣"])
def test_what_is_no_link_is_named_with_its_line(word: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gold\.pharaoh: line 2: .* no link; should be like 0-0"):
        read_links(written(tmp_path, f"0-0\n0-0 {word}\n"))


def test_there_is_no_word_0_where_words_are_counted_from_1(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="line 1: 2-0: there is no word 0"):
        read_links(written(tmp_path, "1-1 2-0\n"), one_based=True)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    links = [(2, 0), (10, 1), (9, 1), (0, 12)]
    assert pharaoh(links) == "2-0 9-1 10-1 0-12"
    assert read_links(written(tmp_path, pharaoh(links) + "\n")) == [Links(frozenset(links))]


def test_each_word_but_the_end_symbol_is_linked_to_its_largest_weight_among_the_words_read() -> None:
    weights = torch.tensor(
        [
            [0.1, 0.2, 0.1, 0.6],  # the last column is padding
            [0.5, 0.3, 0.2, 0.0],
            [0.0, 0.0, 0.0, 0.0],  # looked nowhere
            [0.0, 0.1, 0.9, 0.0],
            [0.0, 0.0, 0.0, 0.0],  # padding
        ]
    )
    assert predicted_links(["ein", "<unk>", "läuft", END], weights, 3) == [(1, 0), (0, 1)]
    assert predicted_links(["ein", "<unk>", "läuft", "."], weights, 3) == [(1, 0), (0, 1), (2, 3)]  # cut at the limit
    assert predicted_links([END], weights, 3) == []


def test_sure_and_possible_links_give_the_rates_of_och_and_ney() -> None:
    # A = {(0,0), (1,1), (2,3)}: (0,0) is sure, (1,1) is possible, (2,3) is neither; S = {(0,0), (2,2)}.
    weights = torch.eye(4)[[0, 1, 3]].unsqueeze(0)
    sure, possible = torch.zeros(2, 1, 3, 4, dtype=torch.bool)
    sure[0, 0, 0] = sure[0, 2, 2] = possible[0, 1, 1] = possible[0, 1, 2] = True
    counts = quality.alignment_counts(weights, sure, possible)
    assert counts.tolist() == [[3, 2, 1, 2]]
    assert quality.alignment_error_rate(counts) == pytest.approx(1 - (1 + 2) / (3 + 2))
    assert quality.alignment_precision_recall(counts) == pytest.approx((2 / 3, 1 / 2))
    assert quality.alignment_counts(weights, sure).tolist() == [[3, 2, 1, 1]]


def test_what_is_sure_and_as_much_of_what_is_possible_as_one_likes_has_no_error() -> None:
    sure = torch.eye(4, dtype=torch.bool)[:3].unsqueeze(0)
    possible = torch.ones_like(sure)
    sure[0, 1] = False
    assert quality.alignment_error_rate(quality.alignment_counts(torch.eye(4)[:3].unsqueeze(0), sure, possible)) == 0
