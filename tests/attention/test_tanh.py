"""tanh by way of float32 is torch's tanh."""

import pytest
import torch

from attnbench.attention.kernels.tanh import tanh


def test_bfloat16_is_rounded_once_from_the_exact_value() -> None:
    numbers = torch.cat([torch.linspace(-9, 9, 20_001), torch.tensor([0.0, -0.0, 1e-30, 3e38, -3e38])]).bfloat16()
    exact = numbers.double().tanh()
    off = (tanh(numbers).double() - exact).abs()
    assert (off <= exact.abs() * 2**-8).all()  # half a unit in the last place
    assert tanh(numbers).dtype == torch.bfloat16


def test_slopes_are_torch_s() -> None:
    numbers = torch.linspace(-4, 4, 501).bfloat16()
    ours, theirs = numbers.clone().requires_grad_(), numbers.clone().requires_grad_()
    slope = torch.linspace(-2, 3, 501).bfloat16()
    tanh(ours).backward(slope)
    torch.tanh(theirs).backward(slope)
    torch.testing.assert_close(ours.grad, theirs.grad)


@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
def test_other_numbers_are_left_to_torch(kind: torch.dtype) -> None:
    numbers = torch.randn(100, dtype=kind)
    assert torch.equal(tanh(numbers), torch.tanh(numbers))
