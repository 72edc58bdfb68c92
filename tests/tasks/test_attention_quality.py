"""Attention quality over a split: means over queries, then places, then examples; nothing is judged by what it has not."""

import math

import pytest
import torch

from attnbench.attention import Alignment, quality
from attnbench.tasks.attention_quality import AttentionQuality
from attnbench.tasks.base import Output

EYE = torch.eye(3)


def output(*places: torch.Tensor, gold: torch.Tensor | None = None) -> Output:
    rows = len(places[0])
    return Output(
        torch.ones(rows), torch.ones(rows, dtype=torch.long), [Alignment(weights) for weights in places], gold
    )


@pytest.fixture
def judged() -> AttentionQuality:
    """Example 1: a hit and a miss; the third query is padding. Example 2: half on gold; the second query has no truth."""
    weights = torch.stack([torch.stack([EYE[0], EYE[1], 0 * EYE[0]]), torch.stack([EYE[:2].mean(0), EYE[2], EYE[2]])])
    gold = torch.zeros(2, 3, 3, dtype=torch.bool)
    gold[0, 0, 0] = gold[0, 1, 0] = gold[1, 0, 1] = gold[1, 2, 2] = True
    quality = AttentionQuality()
    quality.add(output(weights, gold=gold))
    return quality


def test_each_example_is_the_mean_over_its_queries_that_count(judged: AttentionQuality) -> None:
    each = judged.each()
    assert each["mass_on_gold"] == pytest.approx([1 / 2, (1 / 2 + 1) / 2])
    assert each["pointing_hit"] == pytest.approx([1 / 2, (1 / 2 + 1) / 2])
    assert each["entropy"] == pytest.approx([0, math.log(2) / 3])


def test_the_split_is_the_mean_over_examples(judged: AttentionQuality) -> None:
    overall = judged.overall()
    assert overall["mass_on_gold"] == pytest.approx((1 / 2 + 3 / 4) / 2)
    assert overall["entropy"] == pytest.approx(math.log(2) / 6)


def test_alignment_error_counts_links_over_the_whole_split(judged: AttentionQuality) -> None:
    # Predicted (0,0) (1,1) | (0,0) (2,2), gold (0,0) (1,0) | (0,1) (2,2): A = 4, S = 4, both 2. Query 1 of 2 has no truth.
    assert judged.overall()["alignment_error_rate"] == pytest.approx(1 - 4 / 8)


def test_batches_add_up_to_one_batch() -> None:
    torch.manual_seed(5)
    weights, gold = torch.softmax(torch.randn(5, 3, 4), dim=-1), torch.rand(5, 3, 4) < 0.3
    whole, parts = AttentionQuality(), AttentionQuality()
    whole.add(output(weights, gold=gold))
    for rows in (slice(0, 2), slice(2, 5)):
        parts.add(output(weights[rows], gold=gold[rows]))
    assert parts.overall() == pytest.approx(whole.overall())
    assert parts.each()["entropy"] == whole.each()["entropy"]


def test_an_example_without_truth_is_missing_and_moves_no_mean() -> None:
    gold = torch.zeros(2, 1, 3, dtype=torch.bool)
    gold[0, 0, 0] = True
    measured = AttentionQuality()
    measured.add(output(EYE[:1].expand(2, 1, 3), gold=gold))
    hits = measured.each()["pointing_hit"]
    assert hits[0] == 1
    assert math.isnan(hits[1])
    assert measured.overall()["pointing_hit"] == 1


def test_several_places_are_averaged() -> None:
    gold = torch.zeros(1, 1, 3, dtype=torch.bool)
    gold[0, 0, 0] = True
    measured = AttentionQuality()
    measured.add(output(EYE[None, :1], EYE[None, 1:2], gold=gold))
    assert measured.each()["mass_on_gold"] == [0.5]
    assert measured.overall()["alignment_error_rate"] == pytest.approx(0.5)


def test_without_gold_there_is_what_needs_none() -> None:
    measured = AttentionQuality()
    measured.add(output(torch.full((2, 2, 4), 0.25)))
    expected = {"entropy": math.log(4), "movement": 0.0, "dependence": 0.0}
    assert measured.overall() == pytest.approx(expected, abs=1e-6)


def test_a_possible_link_may_be_missing_and_is_no_error_where_it_is_there() -> None:
    gold = torch.tensor([[[True, True, False], [False, False, True], [False, True, False]]])
    possible = gold & torch.tensor([[True], [False], [False]])
    measured = AttentionQuality()
    measured.add(output(EYE[None], gold=gold)._replace(possible=possible))
    # Predicted (0,0) (1,1) (2,2): A = 3, S = 2, none of A sure and one possible.
    assert measured.overall()["alignment_error_rate"] == pytest.approx(1 - 1 / 5)
    measured = AttentionQuality()
    measured.add(output(EYE[None, [1, 2, 1]], gold=gold)._replace(possible=possible))
    assert measured.overall()["alignment_error_rate"] == 0


def test_batches_of_other_sizes_add_up_to_their_dependence() -> None:
    """The second batch has more queries and a longer memory: what it pads the first with is nothing."""
    measured = AttentionQuality()
    measured.add(output(torch.eye(2).unsqueeze(0)))
    measured.add(output(torch.eye(3)[[1, 0, 2]].unsqueeze(0)))
    assert measured.overall()["dependence"] == pytest.approx(math.log(2))


def test_values_are_those_of_the_pure_functions() -> None:
    torch.manual_seed(6)
    weights, gold = torch.softmax(torch.randn(4, 3, 5), dim=-1), torch.rand(4, 3, 5) < 0.5
    gold[..., 0] = True
    measured = AttentionQuality()
    measured.add(output(weights, gold=gold))
    assert measured.each()["mass_on_gold"] == pytest.approx(quality.mass_on_gold(weights, gold).mean(dim=1).tolist())
