"""Laws of batches: examples, queries and attentions are apart, and an answer depends on nothing but what is asked."""

import torch

from attnbench.attention import Alignment, Attended
from attnbench.tasks.testing.masks import holed, one_by_one
from attnbench.tasks.testing.subject import Subject, attend, modes, require, require_equal, require_near, seeded


def one_query_at_a_time_equals_all_at_once(subject: Subject) -> None:
    """A decoder that asks step by step gets what one that asks all at once gets."""
    attention, inputs = subject.build(), holed(subject.inputs())
    memory = attention.prepare(inputs.keys, inputs.values, inputs.mask)
    steps = one_by_one(attention, inputs.query, memory, inputs.mask.expand(-1, inputs.query.shape[1], -1))
    joined = Attended(
        torch.cat([step.context for step in steps], dim=1), Alignment.join([step.alignment for step in steps])
    )
    require_equal(joined, attention(inputs.query, memory), "queries one at a time and all at once")


def context_alone_is_the_same(subject: Subject) -> None:
    """Whoever does not ask where the context came from gets the same context."""
    attention, inputs = subject.build(), holed(subject.inputs())
    memory = attention.prepare(inputs.keys, inputs.values, inputs.mask)
    attended: Attended = attention(inputs.query, memory)
    require_near(attention.context(inputs.query, memory), attended.context, "the context alone and with its alignment")


def permuting_memory_permutes_weights(subject: Subject) -> None:
    """Weights follow content, not position."""
    attention, inputs = subject.build(), holed(subject.inputs())
    order = torch.tensor([3, 0, 4, 2, 1])
    before = attend(attention, inputs)
    permuted = inputs._replace(keys=inputs.keys[:, order], values=inputs.values[:, order], mask=inputs.mask[..., order])
    after = attend(attention, permuted)
    require_near(after.alignment.weights, before.alignment.weights[..., order], "the weights of a permuted memory")
    require_near(after.context, before.context, "the context of a permuted memory")


def context_is_the_weighted_mean_of_values(subject: Subject) -> None:
    """context = Σ_i α_i v_i: the weights that are shown are the weights that were used."""
    for training in modes():
        attention, inputs = subject.build(training=training), holed(subject.inputs())
        with seeded(2):
            attended = attend(attention, inputs)
        mean = (attended.alignment.weights.unsqueeze(-1) * inputs.values.unsqueeze(1)).sum(dim=2)
        require_near(attended.context, mean, "the context and the weighted mean of the values")


def selected_rows_answer_alike(subject: Subject) -> None:
    """Rows picked from a prepared memory, repeated and reordered, answer as they did (beam search)."""
    attention, inputs = subject.build(), holed(subject.inputs(batch=3))
    memory = attention.prepare(inputs.keys, inputs.values, inputs.mask)
    rows = torch.tensor([2, 0, 0, 1])
    before: Attended = attention(inputs.query[:, :1], memory)
    memory = memory._replace(past=before.past)
    all_rows: Attended = attention(inputs.query[:, 1:], memory)
    picked: Attended = attention(inputs.query[rows, 1:], memory.select(rows))
    require_near(picked.context, all_rows.context[rows], "the context of selected rows")
    require_near(picked.alignment.weights, all_rows.alignment.weights[rows], "the weights of selected rows")


def answering_leaves_no_trace(subject: Subject) -> None:
    """The same query gets the same answer whatever was asked before, and no parameter or buffer moves."""
    attention, inputs = subject.build(), holed(subject.inputs())
    state = {name: value.clone() for name, value in attention.state_dict().items()}
    before = attend(attention, inputs)
    attend(attention, subject.inputs(batch=3, queries=1, memory=4))
    require_equal(attend(attention, inputs), before, "an answer before and after another question")
    for name, value in attention.state_dict().items():
        require(torch.equal(value, state[name]), f"{name} changed while answering")


def builds_share_nothing(subject: Subject) -> None:
    """Two attentions of one factory have no module, parameter or buffer in common."""
    first, second = subject.build(seed=0), subject.build(seed=1)
    shared = {id(module) for module in first.modules()} & {id(module) for module in second.modules()}
    require(not shared, "two builds share a module: give the factory's parts as factories, not as instances")
    storages = {value.data_ptr() for value in first.state_dict().values() if value.numel()}
    for name, value in second.state_dict().items():
        require(value.data_ptr() not in storages, f"two builds share {name}")
