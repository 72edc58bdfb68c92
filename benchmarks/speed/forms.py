"""The forms in which a mechanism is measured: as it is, its kernels, and what torch.compile makes of it."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from attnbench.attention import Alignment, Attended, Attention, Memory
from attnbench.benchmarks.speed.mechanism import Mechanism
from attnbench.benchmarks.speed.plan import SEED, Plan
from attnbench.benchmarks.speed.sizes import Sizes

PLAIN, LEAN, CONTEXT, COMPILED = "plain", "lean", "context", "compiled"
Read = Callable[[Tensor, Memory], Attended]
ReadWhole = Callable[[Tensor, Tensor, Tensor, Tensor], Attended]


class Form(NamedTuple):
    """A form: its module, and how it reads a prepared memory and a whole one."""

    name: str
    attention: Attention
    read: Read
    read_whole: ReadWhole


def form(name: str, attention: Attention, read: Read) -> Form:
    """A form that prepares its memory and then reads it."""

    def read_whole(query: Tensor, keys: Tensor, values: Tensor, mask: Tensor) -> Attended:
        return read(query, attention.prepare(keys, values, mask))

    return Form(name, attention, read, read_whole)


def context_alone(attention: Attention) -> Read:
    """Reads without weights."""

    def read(query: Tensor, memory: Memory) -> Attended:
        context = attention.context(query, memory)
        return Attended(context, Alignment(context.new_zeros(context.shape[0], context.shape[1], 0)))

    return read


def compiled(plain: Form) -> Form:
    """The plain form through torch.compile, for one size; it draws the same random numbers."""

    def through(function: Callable[..., Attended]) -> Callable[..., Attended]:
        return torch.compile(function, dynamic=False, options={"fallback_random": True})

    return plain._replace(name=COMPILED, read=through(plain.read), read_whole=through(plain.read_whole))


def forms(mechanism: Mechanism, plan: Plan, sizes: Sizes) -> list[Form]:
    """All forms, the plain one first, with equal parameters. `context` is that of an attention with a way of its own to it."""

    def built(kernel: str | None) -> Attention:
        torch.manual_seed(SEED)
        return mechanism.build(sizes.hidden, kernel=kernel).to(plan.device, plan.torch_dtype)

    attention = built(PLAIN if mechanism.has_kernels else None)
    plain = form(PLAIN, attention, attention)
    found = [plain]
    if mechanism.has_kernels:
        lean = built(LEAN)
        lean.load_state_dict(attention.state_dict())
        found.append(form(LEAN, lean, lean))
    if type(attention).context is not Attention.context:
        found.append(form(CONTEXT, attention, context_alone(attention)))
    return [*found, compiled(plain)] if plan.compiled else found
