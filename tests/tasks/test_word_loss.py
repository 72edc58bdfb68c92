"""The loss in pieces is the loss in one piece."""

from typing import NamedTuple

import pytest
import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torch.utils.flop_counter import FlopCounterMode

from attnbench.tasks.sequence import word_loss as module
from attnbench.tasks.sequence.word_loss import word_loss


class Layer(NamedTuple):
    features: Tensor
    weight: Tensor
    bias: Tensor
    asked: Tensor


def layer(rows: int = 7, words: int = 11, dtype: torch.dtype = torch.float64) -> Layer:
    random = torch.Generator().manual_seed(0)
    sizes = ((rows, 5), (words, 5), (words,))
    parts = [torch.randn(*size, generator=random, dtype=dtype).requires_grad_() for size in sizes]
    return Layer(*parts, asked=torch.randint(words, (rows,), generator=random))


def plain(some: Layer, label_smoothing: float = 0.0) -> Tensor:
    scores = functional.linear(some.features, some.weight, some.bias)
    return functional.cross_entropy(scores, some.asked, reduction="none", label_smoothing=label_smoothing)


SIZES = {"row by row": (1, 1), "two of four rows": (25, 47), "all in three": (33, 1000), "whole": (1000, 1000)}


@pytest.fixture(params=SIZES.values(), ids=SIZES)
def sizes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CACHED", request.param[0])
    monkeypatch.setattr(module, "SCORES", request.param[1])


@pytest.mark.usefixtures("sizes")
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("alike", [True, False])
def test_losses_and_gradients_are_those_of_cross_entropy_whatever_the_pieces(
    smoothing: float, training: bool, alike: bool
) -> None:
    some = layer()
    weights = torch.full((7,), 0.7, dtype=torch.float64) if alike else torch.rand(7, dtype=torch.float64)
    losses = word_loss(*some, training=training)
    expected, found = plain(some, smoothing), (1 - smoothing) * losses.nll + smoothing * losses.spread
    torch.testing.assert_close(found, expected)
    for reference, own in zip(
        torch.autograd.grad((expected * weights).sum(), some[:3]),
        torch.autograd.grad((found * weights).sum(), some[:3]),
        strict=True,
    ):
        torch.testing.assert_close(own, reference)


@pytest.mark.usefixtures("sizes")
def test_gradients_are_exact() -> None:
    some = layer(rows=3, words=4)
    assert torch.autograd.gradcheck(lambda *parts: word_loss(*parts, some.asked), some[:3])


@pytest.mark.usefixtures("sizes")
def test_a_second_backward_pass_finds_the_same() -> None:
    some = layer()
    loss = word_loss(*some).nll.mean()
    once, again = (
        [slope.clone() for slope in torch.autograd.grad(loss, some[:3], retain_graph=True)] for _ in range(2)
    )
    torch.testing.assert_close(once, again)


@pytest.mark.usefixtures("sizes")
def test_huge_scores_overflow_nothing() -> None:
    some = layer(dtype=torch.float32)
    with torch.no_grad():
        some.weight.mul_(1e4)
    loss = word_loss(*some).nll
    torch.testing.assert_close(loss, plain(some))
    loss.sum().backward()
    assert some.features.grad is not None
    assert bool(some.features.grad.isfinite().all())


@pytest.mark.usefixtures("sizes")
def test_outside_training_a_pass_has_the_products_of_a_linear_layer() -> None:
    some = layer()
    with FlopCounterMode(display=False) as counter:
        word_loss(*some, training=False)
    assert counter.get_total_flops() == 2 * some.features.numel() * len(some.weight)


def test_no_rows_lose_nothing() -> None:
    some = layer(rows=0)
    loss = word_loss(*some).nll
    assert loss.shape == (0,)
    loss.sum().backward()
    assert some.weight.grad is not None
    assert not some.weight.grad.any()


@pytest.mark.usefixtures("sizes")
def test_under_autocast_products_are_in_its_type_and_the_sum_is_not() -> None:
    some = layer(rows=40, words=30, dtype=torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        loss = word_loss(*some).nll
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, plain(some), atol=0.05, rtol=0.02)
    assert not torch.equal(loss, plain(some))
    loss.mean().backward()
    assert some.weight.grad is not None
    assert some.weight.grad.dtype == torch.float32


class Largest(TorchFunctionMode):
    """How many numbers the largest tensor has that any operation returns."""

    numbers = 0

    def __torch_function__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        found = func(*args, **(kwargs or {}))
        if isinstance(found, Tensor):
            self.numbers = max(self.numbers, found.numel())
        return found


def test_scores_of_all_rows_never_stand_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CACHED", 300)
    monkeypatch.setattr(module, "SCORES", 600)
    some = layer(rows=50, words=30)
    with Largest() as whole:
        plain(some)
    with Largest() as seen:
        sum(word_loss(*some)).sum().backward()
    with Largest() as judged:
        word_loss(*some, training=False)
    assert whole.numbers == 50 * 30
    assert (seen.numbers, judged.numbers) == (600, 300)
