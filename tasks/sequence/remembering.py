"""LSTMs that remember from the first step on."""

from typing import TypeVar

import torch
from torch import nn

Module = TypeVar("Module", bound=nn.Module)


@torch.no_grad()
def remembering(module: Module) -> Module:
    """The module, whose LSTMs' forget gates have a bias of 1 in all (Gers et al. 2000; Jozefowicz et al. 2015).

    A bias of about 0, torch's own, halves what a cell holds at every word: what stands some words away cannot be learnt from.
    torch adds two biases, of gates in the order input, forget, cell, output: the second of the forget gate's is made 0.
    """
    for lstm in module.modules():
        if isinstance(lstm, nn.LSTM):
            forget = slice(lstm.hidden_size, 2 * lstm.hidden_size)
            for name, bias in lstm.named_parameters():
                if name.startswith("bias_"):
                    bias[forget] = 1.0 if name.startswith("bias_ih") else 0.0
    return module
