"""Where a model attends, and what it asks there."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn

from attnbench.attention import Attention
from attnbench.tasks.sequence.self_attention import OtherSelfAttention


def places(model: nn.Module) -> list[Attention]:
    """The model's attentions to what it reads, without those that are parts of another (heads)."""
    found = {
        name: module for name, module in model.named_modules() if isinstance(module, Attention | OtherSelfAttention)
    }
    outer = {name: module for name, module in found.items() if not any(name.startswith(f"{own}.") for own in found)}
    return [module for module in outer.values() if isinstance(module, Attention)]


@contextmanager
def listening(model: nn.Module | None) -> Iterator[list[list[Tensor]]]:
    """While it lasts, what each place of attention is asked, without gradient; of no model, nothing."""
    asked: list[list[Tensor]] = []
    hooks = []
    for place in [] if model is None else places(model):
        heard: list[Tensor] = []
        asked.append(heard)
        hooks.append(place.register_forward_pre_hook(lambda _, inputs, heard=heard: heard.append(inputs[0].detach())))
    try:
        yield asked
    finally:
        for hook in hooks:
            hook.remove()
