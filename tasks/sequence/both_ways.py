"""Recurrence in both directions over padded sequences, which never reads padding and is fast on a CPU too."""

from collections.abc import Callable
from typing import cast

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from attnbench.tasks.sequence.unrolled import updated


def both_ways(
    rnn: nn.GRU, words: Float[Tensor, "batch memory size"], mask: Bool[Tensor, "batch memory"]
) -> Float[Tensor, "batch memory hidden"]:
    """What `rnn`, of one layer in both directions, says of sequences padded at their ends; 0 for padding.

    On a CPU torch's own takes the directions one after the other over packed words, and in its backward pass fills the gradient
    of all words anew at every step, so that time grows with the square of the length.
    """
    return together(rnn, words, mask) if words.device.type == "cpu" else packed(rnn, words, mask)


def packed(
    rnn: nn.GRU, words: Float[Tensor, "batch memory size"], mask: Bool[Tensor, "batch memory"]
) -> Float[Tensor, "batch memory hidden"]:
    """By torch's own."""
    sequences = pack_padded_sequence(words, mask.sum(dim=1).cpu(), batch_first=True, enforce_sorted=False)
    return pad_packed_sequence(rnn(sequences)[0], batch_first=True, total_length=mask.shape[1])[0]


def together(
    rnn: nn.GRU, words: Float[Tensor, "batch memory size"], mask: Bool[Tensor, "batch memory"]
) -> Float[Tensor, "batch memory hidden"]:
    """Both directions in one product a step."""
    inward, back, bias_in, bias_back = (
        directions(rnn, name) for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    )
    batch, length = mask.shape
    known = torch.nn.functional.linear(words, inward.flatten(0, 1), bias_in.flatten()).unflatten(2, (2, -1))
    ahead, behind = known.transpose(0, 1).unbind(dim=2)  # each [memory batch gates]
    steps = torch.stack([ahead, behind.flip(0)], dim=1).flatten(1, 2)
    seen = torch.stack([mask.T, mask.T.flip(0)], dim=1).reshape(length, -1, 1)
    hidden = steps.new_zeros(2 * batch, rnn.hidden_size)
    back, bias_back = back.transpose(1, 2).to(steps.dtype), bias_back.unsqueeze(1).to(steps.dtype)
    said = []
    for step, there in zip(steps.unbind(0), seen.unbind(0), strict=True):
        asked = torch.baddbmm(bias_back, hidden.unflatten(0, (2, batch)), back).flatten(0, 1)
        hidden = torch.where(there, updated(step, asked, hidden), hidden)
        said.append(hidden)
    forth, reverse = torch.stack(said).unflatten(1, (2, batch)).unbind(dim=1)
    return torch.cat([forth, reverse.flip(0)], dim=2).transpose(0, 1) * mask.unsqueeze(2)


def directions(rnn: nn.GRU, name: str) -> Tensor:
    """A parameter of both directions."""
    return torch.stack([cast(Tensor, getattr(rnn, f"{name}_l0{end}")) for end in ("", "_reverse")])


def at_last(
    states: Float[Tensor, "batch memory size"], mask: Bool[Tensor, "batch memory"]
) -> Float[Tensor, "batch size"]:
    """The state of each sequence's last element; of an empty one, that of its first."""
    last = mask.sum(dim=1).clamp(min=1) - 1
    return states[torch.arange(len(states), device=states.device), last]


class BidirectionalLstm(nn.Module):
    """[→h_j; ←h_j] of a sequence's elements; of no meaning for padding.

    Both directions read forwards in one fused call, the backward one sequences that were turned round, so padding stands behind
    all that counts and packing, which is slow on a CPU, is not needed.
    """

    def __init__(self, size: int, hidden_dim: int) -> None:
        super().__init__()
        self.ahead = nn.LSTM(size, hidden_dim, batch_first=True)
        self.behind = nn.LSTM(size, hidden_dim, batch_first=True)

    def forward(
        self, words: Float[Tensor, "batch memory size"], mask: Bool[Tensor, "batch memory"]
    ) -> Float[Tensor, "batch memory hidden"]:
        """The states."""
        turned = turning(mask)
        return torch.cat([self.ahead(words)[0], turned(self.behind(turned(words))[0])], dim=-1)


def turning(mask: Bool[Tensor, "batch length"]) -> Callable[[Tensor], Tensor]:
    """What turns padded texts round, word by word, and leaves padding where it is."""
    places = torch.arange(mask.shape[1], device=mask.device)
    order: Int[Tensor, "batch length"] = torch.where(mask, mask.sum(dim=1, keepdim=True) - 1 - places, places)
    rows = torch.arange(len(mask), device=mask.device).unsqueeze(1)
    return lambda texts: texts[rows, order]
