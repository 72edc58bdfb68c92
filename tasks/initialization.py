"""Initial values: the same outside the attention, whatever the attention."""

import torch

from attnbench.attention import Attention, AttentionFactory

SEEDS = 2**31


def apart(factory: AttentionFactory) -> AttentionFactory:
    """The factory, drawing each attention's initial values from a random state of its own.

    Every build takes exactly one number from the common random state, so what is built after it starts from the same
    state for every mechanism, and two attentions of one model still differ.
    """

    def build(query_dim: int, key_dim: int) -> Attention:
        seed = int(torch.randint(SEEDS, ()))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return factory(query_dim, key_dim)

    return build
