"""Forget gates start open, in every layer and direction, and nothing else is touched."""

import copy

import torch
from torch import nn

from attnbench.tasks.sequence.remembering import remembering

HIDDEN = 3


def cell_left(lstm: nn.LSTMCell) -> float:
    """The share of its cell that an LSTM keeps over one step of zeros."""
    kept = lstm(torch.zeros(1, 2), (torch.zeros(1, HIDDEN), torch.full((1, HIDDEN), 1000.0)))[1]
    return (kept / 1000).mean().item()


def test_a_cell_keeps_what_a_forget_gate_of_bias_one_keeps() -> None:
    lstm = remembering(nn.LSTM(2, HIDDEN))
    cell = nn.LSTMCell(2, HIDDEN)
    cell.load_state_dict({name.removesuffix("_l0"): value for name, value in lstm.state_dict().items()})
    assert abs(cell_left(cell) - torch.sigmoid(torch.tensor(1.0)).item()) < 1e-2


def test_every_lstm_inside_is_reached_and_all_else_stays() -> None:
    before = nn.ModuleList([nn.LSTM(2, HIDDEN, num_layers=2, bidirectional=True), nn.LSTM(2, HIDDEN), nn.Linear(2, 8)])
    after = remembering(copy.deepcopy(before))
    touched = 0
    for (name, old), new in zip(before.named_parameters(), after.parameters(), strict=True):
        same = torch.ones_like(old, dtype=torch.bool)
        if "bias_" in name:
            same[HIDDEN : 2 * HIDDEN] = False
            assert (new[~same] == float("bias_ih" in name)).all()
            touched += 1
        assert torch.equal(old[same], new[same])
    assert touched == 10


def test_an_lstm_without_biases_is_left_as_it_is() -> None:
    before = nn.LSTM(2, HIDDEN, bias=False)
    after = remembering(copy.deepcopy(before))
    assert all(torch.equal(old, new) for old, new in zip(before.parameters(), after.parameters(), strict=True))
