"""Laws of precision: bfloat16 stays within a stated tolerance of float64."""

import copy

import torch

from attnbench.attention import Alignment, Attention
from attnbench.tasks.testing.draws import DRAWS
from attnbench.tasks.testing.masks import holed
from attnbench.tasks.testing.subject import Inputs, Subject, attend, require, require_near, seeded

TOLERANCE = 0.01  # of weights and probabilities, and of entropy in nats; bfloat16 has 8 bits


def rounded(subject: Subject, *, training: bool) -> Attention:
    """A float64 attention whose parameters bfloat16 holds exactly."""
    attention = subject.build(training=training)
    for parameter in attention.parameters():
        parameter.data = parameter.data.bfloat16().double()
    return attention


def cast(inputs: Inputs, dtype: torch.dtype) -> Inputs:
    """The inputs in another precision."""
    return Inputs(inputs.query.to(dtype), inputs.keys.to(dtype), inputs.values.to(dtype), inputs.mask)


def require_close(coarse: Alignment, exact: Alignment) -> None:
    """Raises AssertionError unless entropy, and weights that no choice was made from, agree within the tolerance."""
    if coarse.entropy is not None and exact.entropy is not None:
        require_near(coarse.entropy, exact.entropy, "entropy in bfloat16", tolerance=TOLERANCE)
    else:
        require_near(coarse.weights, exact.weights, "weights in bfloat16", tolerance=TOLERANCE)


def bfloat16_stays_close(subject: Subject) -> None:
    """An attention cast to bfloat16 answers as in float64, drawn choices with nearly the same probability."""
    exact, inputs = rounded(subject, training=False), cast(holed(subject.inputs()), torch.bfloat16)
    coarse = copy.deepcopy(exact).bfloat16()
    require_close(attend(coarse, inputs).alignment, attend(exact, cast(inputs, torch.float64)).alignment)
    known = probabilities(exact.train(), cast(inputs, torch.float64))
    for choice, probability in probabilities(coarse.train(), inputs).items():
        off = abs(probability - known.get(choice, 0.0))
        require(off <= TOLERANCE, f"the probability of choice {choice} differs by {off:.3g} (at most {TOLERANCE})")


def autocast_stays_close(subject: Subject) -> None:
    """A float32 attention under bfloat16 autocast, as mixed precision runs it, answers as in float64, and finitely."""
    exact, inputs = rounded(subject, training=False), cast(holed(subject.inputs()), torch.bfloat16)
    coarse = copy.deepcopy(exact).float()
    with torch.autocast("cpu", torch.bfloat16):
        attended = attend(coarse, cast(inputs, torch.float32))
    require_close(attended.alignment, attend(exact, cast(inputs, torch.float64)).alignment)
    require(bool(attended.context.isfinite().all()), "the context under autocast is not finite")


def probabilities(attention: Attention, inputs: Inputs) -> dict[tuple[float, ...], float]:
    """Each choice that the first example's first query draws, with its probability; none where nothing is drawn."""
    first = Inputs(inputs.query[:1, :1], inputs.keys[:1], inputs.values[:1], inputs.mask[:1])
    with seeded(4):
        alignment = attend(attention, Inputs(*(tensor.repeat(DRAWS, 1, 1) for tensor in first))).alignment
    if alignment.log_prob is None:
        return {}
    rows = [tuple(row) for row in alignment.weights.squeeze(1).tolist()]
    return dict(zip(rows, alignment.log_prob.squeeze(1).exp().tolist(), strict=True))
