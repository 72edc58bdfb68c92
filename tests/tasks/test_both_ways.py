"""The bidirectional GRU of CPUs is torch's, over packed sentences."""

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from attnbench.tasks.translation.both_ways import both_ways

LENGTHS = [5, 1, 7, 4]


def packed(rnn: nn.GRU, words: Tensor, mask: Tensor) -> Tensor:
    lengths = mask.sum(dim=1)
    said = rnn(pack_padded_sequence(words, lengths, batch_first=True, enforce_sorted=False))[0]
    return pad_packed_sequence(said, batch_first=True, total_length=mask.shape[1])[0]


def test_values_and_gradients_are_those_of_torch_s_gru() -> None:
    torch.manual_seed(0)
    rnn = nn.GRU(6, 5, bidirectional=True, batch_first=True).double()
    mask = torch.arange(7) < torch.tensor(LENGTHS).unsqueeze(1)
    found = []
    for form in (both_ways, packed):
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
