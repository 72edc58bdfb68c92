"""What single selections promise beyond the laws: options, ties, numbers at the edge of what floats hold, draws."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import entmax
import pytest
import torch
from torch import Tensor

from attnbench.attention import Alignment, Composed, Selection
from attnbench.attention.score.none import NoScore
from attnbench.attention.selection.chunkwise import Chunkwise
from attnbench.attention.selection.entmax15 import Entmax15
from attnbench.attention.selection.gumbel import Gumbel
from attnbench.attention.selection.hard import Hard
from attnbench.attention.selection.monotonic import Monotonic
from attnbench.attention.selection.softmax import Softmax
from attnbench.attention.selection.sparsemax import Sparsemax
from attnbench.attention.selection.top_k import TopK

SPARSE = {Sparsemax: entmax.sparsemax, Entmax15: entmax.entmax15}
INFINITE = -torch.inf


def weights(selection: Selection, scores: Tensor) -> Tensor:
    alignment: Alignment = selection(scores)
    return alignment.weights


def row(*scores: float) -> Tensor:
    return torch.tensor([[scores]], dtype=torch.float64)


WRONG: dict[str, tuple[Callable[[], Selection], str]] = {
    "temperature of softmax": (partial(Softmax, temperature=0.0), "temperature=0.0: must be a number above 0"),
    "negative temperature": (partial(Softmax, temperature=-1.0), "temperature=-1.0: must be a number above 0"),
    "not a number": (partial(Softmax, temperature=math.nan), "temperature=nan: must be a number above 0"),
    "temperature of gumbel": (partial(Gumbel, straight_through=True, temperature=0.0), "temperature=0.0: must be"),
    "k": (partial(TopK, k=0), "k=0: must be at least 1"),
    "noise": (partial(Monotonic, noise=-0.5), "noise=-0.5: must be 0 or more"),
    "width": (partial(Chunkwise, width=0), "width=0: must be at least 1"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_selection_refuses_an_option_out_of_range(wrong: str) -> None:
    build, message = WRONG[wrong]
    with pytest.raises(ValueError, match=message) as caught:
        build()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("temperature", [0.25, 1.0, 3.0])
def test_softmax_divides_scores_by_its_temperature(temperature: float) -> None:
    scores = [0.3, -1.2, 2.0]
    powers = [math.exp(score / temperature) for score in scores]
    found = weights(Softmax(temperature=temperature), row(*scores, INFINITE))[0, 0].tolist()
    assert found == pytest.approx([*(power / sum(powers) for power in powers), 0.0], abs=1e-12)


@pytest.mark.parametrize("selection", SPARSE)
@pytest.mark.parametrize("memory", [1, 2, 7, 300])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_sparse_selections_of_masked_scores_are_the_librarys_of_the_others(
    selection: type[Selection], memory: int, dtype: torch.dtype
) -> None:
    torch.manual_seed(1)
    scores = (torch.randn(4, 3, memory) * 3).to(dtype)
    seen = torch.rand(4, 3, memory) < 0.5
    seen[..., 0] = True
    leaf = scores.clone().requires_grad_()
    found = weights(selection(), leaf.masked_fill(~seen, INFINITE))
    assert found.dtype == dtype
    assert not found[~seen].any()
    factors = torch.randn(4, 3, memory, dtype=torch.float64)
    (found.double() * factors).sum().backward()
    assert leaf.grad is not None
    tolerance = {torch.float64: 1e-12, torch.float32: 1e-5, torch.bfloat16: 0.02}[dtype]
    for example in range(4):
        for query in range(3):
            own = seen[example, query]
            alone = scores[example, query][own].double().requires_grad_()
            expected = SPARSE[selection](alone, dim=0)
            torch.testing.assert_close(found[example, query][own].double(), expected, rtol=0, atol=tolerance)
            (expected * factors[example, query][own]).sum().backward()
            assert alone.grad is not None
            grad = leaf.grad[example, query]
            torch.testing.assert_close(grad[own].double(), alone.grad, rtol=tolerance, atol=tolerance)
            assert not grad[~own].any()


@pytest.mark.parametrize("selection", SPARSE)
@pytest.mark.parametrize("far", [-1e3, -1e6, -3e38])
def test_sparse_selections_stand_scores_far_apart(selection: type[Selection], far: float) -> None:
    scores = torch.tensor([[[0.3, 0.1, far, INFINITE, far]]])
    expected = SPARSE[selection](scores[..., :2].double(), dim=-1)
    torch.testing.assert_close(weights(selection(), scores)[..., :2].double(), expected, rtol=0, atol=1e-6)
    high = torch.tensor([[[3e4 + 0.5, 3e4, INFINITE]]], dtype=torch.float64)
    expected = SPARSE[selection](high[..., :2] - 3e4, dim=-1)
    torch.testing.assert_close(weights(selection(), high)[..., :2], expected, rtol=0, atol=1e-9)


def test_sparse_selections_of_equal_scores_look_everywhere_alike() -> None:
    for selection in SPARSE:
        assert weights(selection(), row(0.7, 0.7, INFINITE, 0.7, 0.7))[0, 0].tolist() == [0.25, 0.25, 0.0, 0.25, 0.25]


def test_top_k_keeps_the_earlier_of_two_that_tie() -> None:
    assert weights(TopK(k=2), row(1.0, 3.0, 1.0, 1.0))[0, 0].count_nonzero() == 2
    assert weights(TopK(k=3), row(2.0, 2.0, 2.0, 2.0, 2.0))[0, 0].tolist() == pytest.approx([1 / 3] * 3 + [0.0] * 2)


@pytest.mark.parametrize("k", [3, 4, 100])
def test_top_k_of_fewer_is_softmax(k: int) -> None:
    scores = row(0.5, INFINITE, -0.5, 1.5)
    torch.testing.assert_close(weights(TopK(k=k), scores), torch.softmax(scores, dim=-1), rtol=0, atol=0)


def test_top_k_passes_no_gradient_to_what_it_drops() -> None:
    scores = row(0.5, 2.0, -0.5, 1.5).requires_grad_()
    (weights(TopK(k=2), scores) * torch.arange(4.0)).sum().backward()
    assert scores.grad is not None
    assert [bool(grad) for grad in scores.grad[0, 0]] == [False, True, False, True]


def test_gumbel_draws_from_the_softmax_of_scores_whatever_its_temperature() -> None:
    torch.manual_seed(2)
    probabilities = torch.tensor([0.5, 0.25, 0.2, 0.05, 0.0], dtype=torch.float64)
    draws = 20_000
    for straight_through, temperature in ((True, 0.3), (True, 2.0), (False, 2.0)):
        selection = Gumbel(straight_through=straight_through, temperature=temperature).train()
        drawn = weights(selection, probabilities.log().expand(draws, 1, 5)).argmax(dim=-1)
        counts = torch.bincount(drawn.flatten(), minlength=5)
        assert counts[4] == 0
        expected = probabilities[:4] * draws
        chi_square = ((counts[:4] - expected) ** 2 / expected).sum().item()
        assert chi_square < 16.3  # 3 degrees of freedom: passed once in a thousand


def test_gumbel_straight_through_passes_the_gradient_of_the_relaxed() -> None:
    factors, grads, found = torch.randn(2, 3, 5), [], []
    for straight_through in (True, False):
        torch.manual_seed(3)
        scores = torch.linspace(-1, 1, 30).view(2, 3, 5).requires_grad_()
        found.append(weights(Gumbel(straight_through=straight_through, temperature=0.7).train(), scores))
        (found[-1] * factors).sum().backward()
        grads.append(scores.grad)
    hard, soft = found
    assert torch.equal(hard, torch.nn.functional.one_hot(soft.argmax(dim=-1), 5).float())
    assert torch.equal(*grads)  # type: ignore[arg-type]
    assert bool((soft < 1).all())


def test_gumbel_is_torchs_own_with_the_same_noise() -> None:
    scores = torch.randn(2, 3, 5)
    torch.manual_seed(4)
    expected = torch.nn.functional.gumbel_softmax(scores, tau=0.7)
    torch.manual_seed(4)
    found = weights(Gumbel(straight_through=False, temperature=0.7).train(), scores)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("straight_through", [True, False])
def test_gumbel_is_finite_even_where_noise_underflows(straight_through: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.Tensor, "exponential_", torch.Tensor.zero_)
    found = weights(Gumbel(straight_through=straight_through).train(), row(INFINITE, -0.5, -1.0))
    assert bool(found.isfinite().all())
    assert found[0, 0, 0] == 0


def test_gumbel_tells_an_estimator_nothing_to_train_by() -> None:
    for straight_through in (True, False):
        alignment: Alignment = Gumbel(straight_through=straight_through).train()(row(0.1, 0.2))
        assert alignment.log_prob is None
        assert alignment.entropy is None


@pytest.mark.parametrize("selection", [Softmax, Sparsemax, Entmax15])
def test_shares_of_no_score_are_equal(selection: Callable[[], Selection]) -> None:
    attention = Composed(4, 4, score=NoScore, selection=selection)
    memory = attention.prepare(torch.randn(1, 3, 4), torch.randn(1, 3, 4), torch.tensor([[[True, False, True]]]))
    found = attention(torch.randn(1, 1, 4), memory).alignment.weights
    assert found[0, 0].tolist() == pytest.approx([0.5, 0.0, 0.5], abs=1e-6)


def test_hard_evaluates_as_it_is_told_and_trains_by_draws_all_the_same() -> None:
    scores = row(1.0, 3.0, 2.0)
    assert weights(Hard().eval(), scores).tolist() == [[[0.0, 1.0, 0.0]]]
    torch.testing.assert_close(weights(Hard(evaluation="expected").eval(), scores), scores.softmax(dim=-1))
    torch.manual_seed(0)
    drawn = weights(Hard(evaluation="expected").train(), scores.expand(1, 200, 3))
    assert set(drawn.unique().tolist()) == {0.0, 1.0}


@pytest.mark.usefixtures("unchecked_types")
def test_hard_refuses_another_evaluation() -> None:
    options: dict[str, Any] = {"evaluation": "drawn"}
    with pytest.raises(ValueError, match="evaluation=drawn: must be one of likeliest, expected"):
        Hard(**options)
