"""Laws of masking: what may not be seen has no part in anything."""

import torch
from torch import Tensor

from attnbench.attention import Attended, Attention, Memory
from attnbench.tasks.testing.subject import (
    EXACT,
    Inputs,
    Subject,
    attend,
    modes,
    require,
    require_equal,
    require_near,
    results,
    seeded,
)

DRAWS = 50  # repeated rows, so that a wrong draw shows


def holed(inputs: Inputs) -> Inputs:
    """The same with a mask that differs between examples and hides positions at the start, inside and at the end."""
    mask = torch.ones_like(inputs.mask)
    mask[0, :, [1, -1]] = False
    mask[1:, :, 0] = False
    return inputs._replace(mask=mask)


def one_by_one(attention: Attention, queries: Tensor, memory: Memory, masks: Tensor) -> list[Attended]:
    """The queries' answers, each asked alone with its row of the masks, the past handed on from one to the next."""
    answers: list[Attended] = []
    for index in range(queries.shape[1]):
        asked = memory._replace(mask=masks[:, [index]], past=answers[-1].past if answers else None)
        answers.append(attention(queries[:, [index]], asked))
    return answers


def masked_equals_cropped(subject: Subject) -> None:
    """Padding at the memory's end changes nothing."""
    attention, inputs = subject.build(), subject.inputs()
    inputs.mask[..., 3:] = False
    padded = attend(attention, inputs)
    cropped = attend(attention, Inputs(inputs.query, inputs.keys[:, :3], inputs.values[:, :3], inputs.mask[..., :3]))
    weights, ends = padded.alignment.weights[..., :3], padded.alignment.ends
    alignment = padded.alignment._replace(weights=weights, ends=None if ends is None else ends[..., :3])
    require_equal(Attended(padded.context, alignment), cropped, "a masked memory and a cropped one")


def masked_content_does_not_matter(subject: Subject) -> None:
    """Keys and values that may not be seen can be anything, in training too."""
    for training in modes():
        attention, inputs = subject.build(training=training), holed(subject.inputs())
        hidden = ~inputs.mask.squeeze(1).unsqueeze(-1)
        other = inputs._replace(
            keys=inputs.keys.masked_fill(hidden, 50.0), values=inputs.values.masked_fill(hidden, -1e6)
        )
        with seeded(2):
            before = attend(attention, inputs)
        with seeded(2):
            after = attend(attention, other)
        require_equal(after, before, "memories that differ only where masked")


def masked_weights_are_zero(subject: Subject) -> None:
    """A masked weight is exactly 0."""
    for training in modes():
        attention, inputs = subject.build(training=training), holed(subject.inputs(batch=DRAWS))
        with seeded(2):
            weights = attend(attention, inputs).alignment.weights
        largest = weights.masked_fill(inputs.mask, 0.0).abs().max().item()
        require(largest == 0, f"a masked position got a weight of {largest:.3g}, not exactly 0")


def weights_are_shares(subject: Subject) -> None:
    """Weights are not negative and sum to at most 1."""
    for training in modes():
        attention, inputs = subject.build(training=training), holed(subject.inputs())
        with seeded(2):
            weights = attend(attention, inputs).alignment.weights
        require(bool((weights >= 0).all()), f"a weight of {weights.min().item():.3g} is negative")
        largest = weights.sum(dim=-1).max().item()
        require(largest <= 1 + EXACT, f"a query's weights sum to {largest:.6g}, more than 1")


def weights_sum_to_one(subject: Subject) -> None:
    """Weights over what may be seen sum to 1."""
    for training in modes():
        attention, inputs = subject.build(training=training), holed(subject.inputs())
        with seeded(2):
            weights = attend(attention, inputs).alignment.weights
        require_near(weights.sum(dim=-1), torch.ones_like(weights[..., 0]), "the sum of weights")


def nowhere_to_look_gives_zeros(subject: Subject) -> None:
    """A query that may look nowhere gets zeros for everything, and its neighbours what they get without it."""
    for training in modes():
        attention, inputs = subject.build(training=training), subject.inputs()
        inputs.mask[1] = False
        with seeded(2):
            attended = attend(attention, inputs)
        for name, value in results(attended).items():
            require(bool((value[1] == 0).all()), f"{name} of a query that may look nowhere is not 0")
            require(bool(value.isfinite().all()), f"{name} is not finite")
    alone = attend(attention.eval(), Inputs(*(tensor[:1] for tensor in inputs)))
    both = attend(attention, inputs)
    require_near(both.context[:1], alone.context, "the context beside a query that may look nowhere", tolerance=EXACT)


def masks_may_differ_between_queries(subject: Subject) -> None:
    """A mask of [batch, query, memory] gives each query what it gets alone with its row; equal rows are the broadcast one."""
    attention, inputs = subject.build(), subject.inputs()
    rows = torch.tensor([[1, 1, 1, 0, 0], [0, 1, 0, 1, 1], [0, 0, 0, 0, 0]], dtype=torch.bool).expand(2, 3, 5)
    together = attend(attention, inputs._replace(mask=rows))
    memory = attention.prepare(inputs.keys, inputs.values, rows)
    for index, alone in enumerate(one_by_one(attention, inputs.query, memory, rows)):
        require_near(together.context[:, [index]], alone.context, f"the context of query {index} beside other masks")
        require_near(together.alignment.weights[:, [index]], alone.alignment.weights, f"the weights of query {index}")
    wide = attend(attention, inputs._replace(mask=inputs.mask.expand(2, 3, 5)))
    require_equal(wide, attend(attention, inputs), "a mask for each query and the same for all")
