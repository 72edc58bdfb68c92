"""Attention quality: values against loops and hand-worked examples."""

import math

import pytest
import torch
from torch import Tensor

from attnbench.attention import quality


@pytest.fixture
def weights() -> torch.Tensor:
    """Two examples of four queries over five positions; the last query of the second looked nowhere."""
    torch.manual_seed(3)
    drawn = torch.softmax(torch.randn(2, 4, 5, dtype=torch.float64) * 2, dim=-1)
    drawn[1, 3] = 0
    return drawn


@pytest.fixture
def gold() -> torch.Tensor:
    """Query 0 of the first example has no truth."""
    torch.manual_seed(4)
    drawn = torch.rand(2, 4, 5) < 0.4
    drawn[:, :, 2] = True
    drawn[0, 0] = False
    return drawn


def test_measures_are_their_plain_loops(weights: torch.Tensor, gold: torch.Tensor) -> None:
    for example in range(2):
        for query in range(4):
            row, truth = weights[example, query].tolist(), gold[example, query].tolist()
            entropy = -math.fsum(weight * math.log(weight) for weight in row if weight)
            mass = math.fsum(weight for weight, right in zip(row, truth, strict=True) if right)
            assert quality.entropy(weights)[example, query].item() == pytest.approx(entropy)
            assert quality.mass_on_gold(weights, gold)[example, query].item() == pytest.approx(mass)
            hit = float(any(row) and truth[row.index(max(row))])
            assert quality.pointing_hit(weights, gold)[example, query].item() == hit
            assert quality.attending(weights)[example, query].item() == any(row)
            assert quality.judged(gold)[example, query].item() == any(truth)


@pytest.mark.parametrize("count", [1, 2, 7])
def test_entropy_of_equal_weights_is_the_log_of_their_number(count: int) -> None:
    weights = torch.cat([torch.full((1, 1, count), 1 / count), torch.zeros(1, 1, 3)], dim=-1)
    assert quality.entropy(weights).item() == pytest.approx(math.log(count), abs=1e-6)


def test_ties_hit_as_often_as_picking_one_of_them_would() -> None:
    weights = torch.tensor([[[0.4, 0.4, 0.2], [0.25, 0.5, 0.25], [1 / 3, 1 / 3, 1 / 3]]])
    gold = torch.tensor([[[False, True, True], [True, False, False], [True, True, False]]])
    assert quality.pointing_hit(weights, gold).tolist()[0] == pytest.approx([1 / 2, 0, 2 / 3])


def test_links_take_the_first_of_equals_and_none_for_a_query_that_looked_nowhere() -> None:
    weights = torch.tensor([[[0.2, 0.4, 0.4], [0.0, 0.0, 0.0]]])
    assert quality.links(weights).tolist() == [[[False, True, False], [False, False, False]]]


def test_alignment_error_rate_of_an_example_worked_by_hand() -> None:
    # Example 1 predicts (0,0) (1,2) where (0,0) (0,1) (1,1) are gold: A = 2, S = 3, both 1.
    # Example 2 predicts (0,1) where (0,1) is gold, and looked nowhere at query 1, whose gold it misses: 1, 2, 1.
    weights = torch.tensor([[[0.6, 0.3, 0.1], [0.2, 0.3, 0.5]], [[0.1, 0.8, 0.1], [0.0, 0.0, 0.0]]])
    gold = torch.tensor([[[True, True, False], [False, True, False]], [[False, True, False], [True, False, False]]])
    counts = quality.alignment_counts(weights, gold)
    assert counts.tolist() == [[2, 3, 1, 1], [1, 2, 1, 1]]
    assert quality.alignment_error_rate(counts) == pytest.approx(1 - 2 * 2 / (3 + 5))


def test_alignment_error_rate_is_0_for_a_perfect_and_1_for_a_disjoint_alignment() -> None:
    gold = torch.eye(3, dtype=torch.bool).unsqueeze(0)
    assert quality.alignment_error_rate(quality.alignment_counts(gold.double(), gold)) == 0
    assert quality.alignment_error_rate(quality.alignment_counts(gold.double().roll(1, dims=-1), gold)) == 1


def test_nothing_to_judge_is_not_a_number() -> None:
    assert math.isnan(quality.alignment_error_rate(torch.zeros(2, 4)))


def test_quality_passes_no_gradient(weights: torch.Tensor, gold: torch.Tensor) -> None:
    weights.requires_grad_()
    assert not quality.entropy(weights).requires_grad
    assert not quality.mass_on_gold(weights, gold).requires_grad
    assert not quality.alignment_counts(weights, gold).requires_grad


def looked(*maps: list[list[float]]) -> Tensor:
    return torch.tensor(maps)


HERE, THERE, NOWHERE = [1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0]


def test_movement_is_the_mean_variation_between_neighbours() -> None:
    weights = looked([HERE, HERE, HERE], [HERE, THERE, HERE], [[0.5, 0.5, 0.0], HERE, HERE])
    assert quality.movement(weights).tolist() == pytest.approx([0.0, 1.0, 0.25])


def test_movement_leaves_out_queries_that_do_not_count() -> None:
    weights = looked([HERE, THERE, NOWHERE], [HERE, NOWHERE, THERE])
    found = quality.movement(weights)
    assert found[0].item() == 1.0
    assert math.isnan(found[1].item())


def dependence(weights: Tensor) -> float:
    looked = quality.attending(weights).double().sum(dim=0)
    return quality.dependence(weights.double().sum(dim=0), looked, quality.entropy(weights).sum(dim=0))


def test_dependence_is_nothing_where_all_maps_are_one() -> None:
    soft = [0.2, 0.3, 0.5]
    assert dependence(looked([HERE, soft], [HERE, soft], [HERE, soft])) == pytest.approx(0.0, abs=1e-7)


def test_dependence_of_one_hot_maps_is_the_entropy_of_where_examples_look() -> None:
    assert dependence(looked([HERE], [THERE])) == pytest.approx(math.log(2))
    thirds = -(math.log(1 / 3) / 3 + 2 * math.log(2 / 3) / 3)
    assert dependence(looked([HERE], [HERE], [THERE])) == pytest.approx(thirds)


def test_dependence_weighs_queries_by_who_looked() -> None:
    """Query 1 differs between two examples; query 2 is the same in three; query 3 has one example and does not count."""
    weights = looked([HERE, HERE, HERE], [THERE, HERE, NOWHERE], [NOWHERE, HERE, NOWHERE])
    assert dependence(weights) == pytest.approx(2 * math.log(2) / 5)
    assert math.isnan(dependence(looked([HERE, HERE])))
