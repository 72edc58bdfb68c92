"""One pass of one form over given inputs."""

from collections.abc import Sequence

import torch
from torch import Tensor

from attnbench.attention import Attended
from attnbench.benchmarks.speed.forms import Form
from attnbench.benchmarks.speed.inputs import Inputs
from attnbench.benchmarks.speed.plan import Pass

Gradients = Sequence[Tensor | None]


class Work:
    """What is timed. Calling it does the pass once.

    `forward` and `step` run without gradients. `backward` is forward and backward: from the context, and the log-probability
    where one was drawn, to queries, keys, values and parameters. `step` is one query, read from a prepared memory, in
    evaluation mode, as a decoder does when it speaks; the others run in training mode.
    """

    def __init__(self, form: Form, inputs: Inputs, kind: Pass, *, prepared: bool) -> None:
        self.form, self.inputs, self.kind = form, inputs, kind
        self.query = inputs.query[:, :1].detach() if kind == "step" else inputs.query
        form.attention.train(kind != "step")
        self.sources = [*inputs[:3], *(p for p in form.attention.parameters() if p.requires_grad)]
        self.memory = None
        if prepared or kind == "step":
            with torch.no_grad():
                memory = form.attention.prepare(inputs.keys, inputs.values, inputs.mask)
            keys, values = (part.detach().requires_grad_() for part in memory[:2])
            self.memory = memory._replace(keys=keys, values=values)
            self.sources[1:3] = [keys, values]

    def ask(self) -> Attended:
        """The way there."""
        with torch.set_grad_enabled(self.kind == "backward"):
            if self.memory is None:
                return self.form.read_whole(self.query, *self.inputs[1:4])
            return self.form.read(self.query, self.memory)

    def pull(self, attended: Attended, counts: Tensor | None = None) -> Gradients:
        """The way back, from the queries that count: all, or those where `counts` is True."""
        ends, given = [attended.context], [self.inputs.pull]
        drawn = attended.alignment.log_prob
        if drawn is not None:
            ends, given = [*ends, drawn], [*given, torch.ones_like(drawn)]
        if counts is not None:
            given = [pull * counts.view(*counts.shape, *[1] * (pull.dim() - 2)) for pull in given]
        return torch.autograd.grad(ends, self.sources, given, allow_unused=True)

    def __call__(self) -> tuple[Attended, Gradients]:
        """The pass."""
        attended = self.ask()
        return attended, self.pull(attended) if self.kind == "backward" else ()
