"""A cell whose known input is multiplied at once is that cell."""

from typing import Any

import pytest
import torch
from torch import nn

from attnbench.tasks.sequence.unrolled import Unrolled

KNOWN, FED, HIDDEN, ROWS, LENGTH = 3, 4, 5, 2, 6
CELLS = [nn.LSTMCell, nn.GRUCell]


def made(kind: Any, dtype: torch.dtype = torch.float64) -> Any:
    torch.manual_seed(0)
    return kind(KNOWN + FED, HIDDEN).to(dtype)


def inputs(dtype: torch.dtype = torch.float64) -> list[torch.Tensor]:
    torch.manual_seed(1)
    sizes = [(ROWS, LENGTH, KNOWN), (ROWS, LENGTH, FED), (ROWS, HIDDEN), (ROWS, HIDDEN)]
    return [torch.randn(*size, dtype=dtype).requires_grad_() for size in sizes]


@pytest.mark.parametrize("kind", CELLS)
def test_states_and_gradients_are_the_cell_s(kind: Any) -> None:
    cell, (known, fed, hidden, memory) = made(kind), inputs()
    gradients = []
    for unrolled in (None, Unrolled(cell, KNOWN)):
        state, kept = hidden, memory
        for step in range(LENGTH):
            if unrolled is not None:
                state, kept = unrolled(unrolled.known(known)[:, step], fed[:, step], state, kept)
            elif isinstance(cell, nn.LSTMCell):
                state, kept = cell(torch.cat([known, fed], dim=-1)[:, step], (state, kept))
            else:
                state = cell(torch.cat([known, fed], dim=-1)[:, step], state)
        last = state.square().sum() + kept.sum()
        gradients.append([state, kept, *torch.autograd.grad(last, [known, fed, hidden, *cell.parameters()])])
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("kind", CELLS)
def test_under_autocast_it_is_the_cell_up_to_rounding(kind: Any) -> None:
    cell, (known, fed, hidden, memory) = made(kind, torch.float32), inputs(torch.float32)
    exact = Unrolled(cell, KNOWN)
    expected = exact(exact.known(known)[:, 0], fed[:, 0], hidden, memory)[0]
    with torch.autocast("cpu", torch.bfloat16):
        unrolled = Unrolled(cell, KNOWN)
        found = unrolled(unrolled.known(known)[:, 0], fed[:, 0], hidden, memory)[0]
    assert unrolled.fed.dtype == torch.bfloat16
    torch.testing.assert_close(found.float(), expected, atol=0.02, rtol=0.02)
