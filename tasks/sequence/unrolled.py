"""A recurrent cell over many steps, of whose input a part is known before the first."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional


class Unrolled:
    """`nn.LSTMCell` or `nn.GRUCell`, read as h_t = cell([x_t; f_t], h_{t-1}): the product with all x is taken at once.

    x_t are the first `known` numbers of the input, f_t is what the steps themselves come to; either may be nothing. Weights are
    taken when it is made, under autocast in its type: it serves one pass.
    """

    def __init__(self, cell: nn.LSTMCell | nn.GRUCell, known: int) -> None:
        own, fed = cell.weight_ih.split([known, cell.input_size - known], dim=1)
        self.lstm = isinstance(cell, nn.LSTMCell)
        self.own = cast(own)
        self.bias = cast(cell.bias_ih + cell.bias_hh if self.lstm else cell.bias_ih)
        self.fed = cast(torch.cat([fed, cell.weight_hh], dim=1) if self.lstm else fed)
        self.back, self.bias_back = cell.weight_hh, cell.bias_hh

    def known(self, inputs: Float[Tensor, "rows length known"]) -> Float[Tensor, "rows length gates"]:
        """What all x come to: W x + b."""
        return functional.linear(inputs, self.own, self.bias)

    def __call__(
        self,
        known: Float[Tensor, "*#rows gates"],
        fed: Float[Tensor, "rows fed"] | None,
        hidden: Float[Tensor, "rows hidden"],
        memory: Float[Tensor, "rows hidden"],
    ) -> tuple[Float[Tensor, "rows hidden"], Float[Tensor, "rows hidden"]]:
        """The next state, and an LSTM's next memory; a GRU has none, and its is handed on. `known` is `bias` where no x is."""
        if self.lstm:
            read = hidden if fed is None else torch.cat([fed, hidden], dim=-1)
            return opened(known + functional.linear(read, self.fed), memory)
        inward = known if fed is None else known + functional.linear(fed, self.fed)
        return updated(inward, functional.linear(hidden, self.back, self.bias_back), hidden), memory


def cast(weight: Float[Tensor, "*size"]) -> Float[Tensor, "*size"]:
    """In autocast's type, where that is on: it casts what is no parameter anew at every step."""
    device = weight.device.type
    return weight.to(torch.get_autocast_dtype(device)) if torch.is_autocast_enabled(device) else weight


def opened(
    gates: Float[Tensor, "rows gates"], memory: Float[Tensor, "rows hidden"]
) -> tuple[Float[Tensor, "rows hidden"], Float[Tensor, "rows hidden"]]:
    """An LSTM's next state and memory, from its gates before their sigmoids and tanh in torch's order: i, f, g, o."""
    inward, forget, fresh, outward = gates.chunk(4, dim=-1)
    memory = torch.sigmoid(forget) * memory + torch.sigmoid(inward) * torch.tanh(fresh)
    return torch.sigmoid(outward) * torch.tanh(memory), memory


def updated(
    inward: Float[Tensor, "rows gates"], back: Float[Tensor, "rows gates"], hidden: Float[Tensor, "rows hidden"]
) -> Float[Tensor, "rows hidden"]:
    """A GRU's next state, from its gates' two shares in torch's order: r, z, n."""
    ours, theirs = inward.chunk(3, dim=-1), back.chunk(3, dim=-1)
    reset, update = (torch.sigmoid(ours[gate] + theirs[gate]) for gate in (0, 1))
    fresh = torch.tanh(ours[2] + reset * theirs[2])
    return fresh + update * (hidden - fresh)
