"""What a run costs."""

from functools import partial

import torch
from torch import nn

from attnbench.attention import Composed
from attnbench.attention.score.additive import Additive
from attnbench.attention.score.none import NoScore
from attnbench.attention.selection.softmax import Softmax
from attnbench.attention.selection.uniform import Uniform
from attnbench.benchmarks.cost import PeakMemory, attention_parameters, parameters

additive = partial(Composed, score=partial(Additive, hidden_dim=5), selection=Softmax)


def test_parameters_are_counted_by_hand() -> None:
    model = nn.ModuleList([nn.Linear(3, 4), additive(2, 6)])
    assert attention_parameters(model) == 2 * 5 + 6 * 5 + 5
    assert parameters(model) == 3 * 4 + 4 + attention_parameters(model)


def test_frozen_and_shared_parameters_count_as_what_is_trained() -> None:
    shared = additive(2, 6)
    model = nn.ModuleList([shared, shared])
    assert attention_parameters(model) == 45
    shared.requires_grad_(False)
    assert parameters(model) == attention_parameters(model) == 0


def test_the_control_has_no_attention_parameters() -> None:
    assert attention_parameters(Composed(2, 6, score=NoScore, selection=Uniform)) == 0


def test_peak_memory_is_that_of_its_own_time() -> None:
    large, small = 400, 20  # MiB
    first = PeakMemory(gpu=False)
    torch.ones(large * 2**18)
    peak = first.read()
    second = PeakMemory(gpu=False)
    torch.ones(small * 2**18)
    later = second.read()
    if peak is None or later is None:  # a system without clear_refs: a dash, never a wrong number
        assert peak is later is None
        return
    assert peak - later > (large - small) // 2 * 2**20
