"""The bidirectional GRU of CPUs is torch's, over packed sequences."""

import torch
from torch import nn

from attnbench.tasks.sequence.both_ways import at_last, both_ways, packed, together

LENGTHS = [5, 1, 7, 4]


def test_values_and_gradients_are_those_of_torch_s_gru() -> None:
    torch.manual_seed(0)
    rnn = nn.GRU(6, 5, bidirectional=True, batch_first=True).double()
    mask = torch.arange(7) < torch.tensor(LENGTHS).unsqueeze(1)
    found = []
    for form in (together, packed):
        words = torch.linspace(-2, 2, 4 * 7 * 6, dtype=torch.float64).view(4, 7, 6).sin().requires_grad_()
        said = form(rnn, words, mask)
        slopes = torch.autograd.grad((said * torch.arange(10).cos()).sum(), [words, *rnn.parameters()])
        found.append([said, *slopes])
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_what_stands_in_padding_is_not_read() -> None:
    torch.manual_seed(0)
    rnn = nn.GRU(3, 4, bidirectional=True, batch_first=True)
    mask = torch.tensor([[True, True, False]])
    words = torch.randn(1, 3, 3)
    other = words.clone()
    other[0, 2] = 100.0
    assert torch.equal(both_ways(rnn, words, mask), both_ways(rnn, other, mask))
    assert (both_ways(rnn, words, mask)[0, 2] == 0).all()


def test_in_bfloat16_it_stays_near_float32() -> None:
    torch.manual_seed(0)
    rnn = nn.GRU(32, 32, bidirectional=True, batch_first=True)
    words, mask = torch.randn(3, 9, 32), torch.ones(3, 9, dtype=torch.bool)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = both_ways(rnn, words, mask)
    torch.testing.assert_close(rounded.float(), both_ways(rnn, words, mask), atol=3e-2, rtol=0)


def test_the_last_state_is_that_of_the_last_element() -> None:
    states = torch.arange(12.0).view(3, 2, 2)
    mask = torch.tensor([[True, True], [True, False], [False, False]])
    assert at_last(states, mask).tolist() == [[2.0, 3.0], [4.0, 5.0], [8.0, 9.0]]
