"""The check before the clock: a form that does not compute what the plain one does is not timed."""

import math

import torch
from torch import Tensor

from attnbench.benchmarks.speed.fit import DoesNotFit, foresee, limited
from attnbench.benchmarks.speed.forms import Form
from attnbench.benchmarks.speed.inputs import Inputs, inputs_for
from attnbench.benchmarks.speed.plan import SEED, Pass, Plan
from attnbench.benchmarks.speed.sizes import Sizes
from attnbench.benchmarks.speed.work import Work

TOLERANCE = {"float32": 1e-4, "bfloat16": 5e-2}
FLIPS = {"float32": 0.01, "bfloat16": 0.25}  # share of queries whose draw may tip over to another position by rounding
# What is smaller than this share of the largest of its group is compared on that scale. A parameter whose true gradient
# is 0 (a key's bias below a softmax) gets rounding alone, which grows with all that is summed, so the share is larger.
OUTPUTS, INPUTS, PARAMETERS = 1e-3, 1e-3, 5e-2
TINY = 1e-30

Group = list[Tensor | None]


def check(form: Form, plain: Form, plan: Plan, sizes: Sizes, kind: Pass, *, foreseen: bool) -> float:
    """How far the form is from plain at these sizes, or at their small cousin where plain does not fit there.

    `foreseen`: plain is known to need the large tensor. Raises DoesNotFit where not even the cousin fits.
    """
    try:
        if foreseen:
            foresee(plan, sizes, kind)
        with limited(plan.device):
            return deviation(form, plain, plan, sizes, kind)
    except DoesNotFit:
        with limited(plan.device):
            return deviation(form, plain, plan, sizes.cousin, kind)


def deviation(form: Form, plain: Form, plan: Plan, sizes: Sizes, kind: Pass) -> float:
    """The largest difference from plain in context, weights, log-probabilities and gradients, relative to their size.

    Draws that differ count as a difference of 1 if there are many; a few by rounding are left out of the comparison.
    """
    inputs = inputs_for(plan, sizes, ragged=True)
    ours, theirs = (answers(one, inputs, plan, kind) for one in (form, plain))
    counts = ours.same_draws(theirs)
    if 1.0 - counts.float().mean().item() > FLIPS[plan.dtype]:
        return 1.0
    groups = zip((OUTPUTS, INPUTS, PARAMETERS), ours.groups(counts), theirs.groups(counts), strict=True)
    return max(apart for share, a, b in groups for apart in (0.0, *differences(a, b, share)))


class Answers:
    """What a form says at given inputs."""

    def __init__(self, work: Work) -> None:
        torch.manual_seed(SEED)
        self.work, self.attended = work, work.ask()

    def same_draws(self, other: "Answers") -> Tensor:
        """The queries that look at the same positions; all where either form tells no weights."""
        ours, theirs = self.attended.alignment.weights.detach(), other.attended.alignment.weights.detach()
        if ours.shape != theirs.shape:
            return torch.ones(ours.shape[:2], dtype=torch.bool, device=ours.device)
        return ((ours - theirs).abs() <= 0.5).all(dim=-1)

    def groups(self, counts: Tensor) -> tuple[Group, Group, Group]:
        """All that is compared, of the queries that count: what is told, gradients of inputs, gradients of parameters."""
        weights = self.attended.alignment.weights
        told = (self.attended.context, self.attended.alignment.log_prob, weights if weights.shape[-1] else None)
        outputs = [None if part is None else part[counts].detach() for part in told]
        if self.work.kind != "backward":
            return outputs, [], []
        found = zip(self.work.pull(self.attended, counts), self.work.sources, strict=True)
        gradients: Group = [torch.zeros_like(of) if gradient is None else gradient for gradient, of in found]
        return outputs, gradients[:3], gradients[3:]


def answers(form: Form, inputs: Inputs, plan: Plan, kind: Pass) -> Answers:
    """A form's answers."""
    return Answers(Work(form, inputs, kind, prepared=plan.prepared))


def differences(ours: Group, theirs: Group, share: float) -> list[float]:
    """The largest difference of each pair, relative to the largest number of theirs; infinite where one is no number."""
    pairs = [(a.double(), b.double()) for a, b in zip(ours, theirs, strict=True) if a is not None and b is not None]
    largest = max((extent(b) for _, b in pairs), default=0.0)
    apart = [extent(a - b) / max(extent(b), share * largest, TINY) for a, b in pairs]
    return [math.inf if math.isnan(one) else one for one in apart]


def extent(numbers: Tensor) -> float:
    """The largest absolute value; 0 where there are no numbers."""
    return numbers.abs().max().item() if numbers.numel() else 0.0
