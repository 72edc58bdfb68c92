"""What every task must hold to, tried on its real, small data."""

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any

import torch
from torch import Tensor

from attnbench.attention import Alignment, Attention, AttentionFactory, Composed
from attnbench.attention.score.none import NoScore
from attnbench.attention.selection.uniform import Uniform
from attnbench.tasks.base import Model, Output, Prediction, Task
from attnbench.tasks.estimators import Estimate, Reinforce
from attnbench.tasks.initialization import apart
from attnbench.tasks.source import SPLITS
from attnbench.tasks.testing.subject import require, require_near, seeded

BATCHES = 2  # of the validation split
ALONE = 3  # examples that are compared with themselves outside their batch
TOLERANCE = 1e-3  # of a float32 nll in nats


def check_task(task: Task, attention: AttentionFactory) -> None:
    """Tries the contract on a few batches. Raises AssertionError where it is broken.

    Takes as long as reading the data and two validation batches: give it small data, a small model, and an attention that always
    looks somewhere (not a monotonic one), since it takes queries that look nowhere for padding.
    """
    with seeded(0):  # data loaders take numbers from the random state, which is the caller's
        check_all(task, attention)


def check_all(task: Task, attention: AttentionFactory) -> None:
    """Every part of the contract, in the order in which a run would meet it."""
    require(task.better in ("higher", "lower"), f"better={task.better}: must be higher or lower")
    check_splits(task)
    model = built(task, attention)
    check_initial_values(task, attention)
    batches = list(islice(task.data.val_dataloader(), BATCHES))
    for batch in batches:
        check_output(model(batch), attends=model.attends)
    check_examples_stand_alone(task, model)
    check_training(model, next(iter(task.data.train_dataloader())))
    with torch.no_grad():
        predictions = [model.predict(batch) for batch in batches]
    for prediction in predictions:
        check_prediction(prediction)
    sizes = [len(model(batch).nll) for batch in batches]
    require([len(p.said) for p in predictions] == sizes, "predict does not say one thing for each example of its batch")
    check_measures(task, predictions)


def built(task: Task, attention: AttentionFactory, *, seed: int = 0) -> Model:
    """The task's model as a run builds it, in evaluation."""
    with seeded(seed):
        return task.model(apart(attention)).eval()


def check_splits(task: Task) -> None:
    """The three splits are there, not empty, and their rows have the same columns; training rows may have more."""
    splits = task.data.splits
    require(set(splits) == set(SPLITS), f"splits are {sorted(splits)}, not {', '.join(SPLITS)}")
    for name in SPLITS:
        require(len(splits[name]) > 0, f"split {name} is empty")
        columns, expected = sorted(splits[name][:1]), sorted(splits["validation"][:1])  # as read, whatever is stored
        same = set(columns) >= set(expected) if name == "train" else columns == expected
        require(same, f"split {name} has columns {columns}, validation has {expected}")
        lengths = task.data.length(splits[name])
        require(len(lengths) == len(splits[name]), f"{len(lengths)} lengths for the {len(splits[name])} rows of {name}")


def check_initial_values(task: Task, attention: AttentionFactory) -> None:
    """The same seed gives the same values outside the attention, whatever the attention; another seed gives others."""
    control = partial(Composed, score=NoScore, selection=Uniform)
    first, second = outside_attention(built(task, attention)), outside_attention(built(task, control))
    require(
        first.keys() == second.keys(), f"parameters depend on the attention: {sorted(first.keys() ^ second.keys())}"
    )
    for name, value in first.items():
        require(torch.equal(value, second[name]), f"initial values of {name} depend on the attention")
    other = outside_attention(built(task, attention, seed=1))
    require(any(not torch.equal(value, other[name]) for name, value in first.items()), "initial values ignore the seed")


def outside_attention(model: Model) -> Mapping[str, Tensor]:
    """All parameters that are no attention's."""
    attentions = [name for name, module in model.named_modules() if isinstance(module, Attention)]
    require(bool(attentions) or not model.attends, "the model builds no attention from the factory it is given")
    require(not attentions or model.attends, "the model builds an attention and says that it attends nowhere")
    prefixes = tuple(f"{name}." for name in attentions)
    return {name: value for name, value in model.named_parameters() if not name.startswith(prefixes)}


def check_output(output: Output, *, attends: bool) -> None:
    """One teacher-forced pass: shapes agree, numbers are finite, and padded queries are zero and without gold."""
    batch = len(output.nll)
    require(bool(output.nll.isfinite().all()), "nll is not finite")
    require(output.symbols.shape == (batch,), f"symbols has shape {tuple(output.symbols.shape)}, not ({batch},)")
    require(bool((output.symbols > 0).all()), "an example has no symbols to predict")
    require(len(output.alignments) > 0 or not attends, "no alignments are returned")
    if output.steps is not None:
        require_near(output.steps.sum(dim=1), output.nll, "the sum of an example's steps", tolerance=TOLERANCE)
    if output.penalty is not None:
        require(output.penalty.shape == (batch,), f"penalty has shape {tuple(output.penalty.shape)}, not ({batch},)")
    check_alignments(output.alignments, output.gold, batch)


def check_alignments(alignments: Sequence[Alignment], gold: Tensor | None, batch: int) -> None:
    """Each place's weights are shares, all 0 where the query does not count; gold is of their shape and empty there too."""
    for alignment in alignments:
        weights = alignment.weights
        require(len(weights) == batch, f"an alignment of {len(weights)} examples in a batch of {batch}")
        sums = weights.sum(dim=-1)
        counted = sums != 0
        require(bool((weights >= 0).all()), f"a weight of {weights.min().item():.3g} is negative")
        require(bool((sums <= 1 + TOLERANCE).all()), f"a query's weights sum to {sums.max().item():.4g}, more than 1")
        for name, value in {"log_prob": alignment.log_prob, "entropy": alignment.entropy}.items():
            require(value is None or not value[~counted].any(), f"{name} of a query that does not count is not 0")
        if gold is not None:
            require(gold.shape == weights.shape, f"gold has shape {tuple(gold.shape)}, weights {tuple(weights.shape)}")
            require(not gold[~counted].any(), "gold is given for a query that does not count")


def check_examples_stand_alone(task: Task, model: Model) -> None:
    """An example gets the same nll, symbols and gold by itself as padded among others."""
    rows = task.data.splits["validation"][: task.data.batch_size]
    together: Output = model(task.data.collate(rows))
    shortest_first = sorted(range(len(together.nll)), key=lambda index: int(together.symbols[index]))
    for index in shortest_first[:ALONE]:
        alone: Output = model(task.data.collate({name: [column[index]] for name, column in rows.items()}))
        require_near(alone.nll[0], together.nll[index], f"nll of example {index} alone and padded", tolerance=TOLERANCE)
        require(bool(alone.symbols[0] == together.symbols[index]), f"symbols of example {index} count the padding")
        if alone.gold is not None and together.gold is not None:
            require(
                bool(alone.gold[0].sum() == together.gold[index].sum()), f"gold of example {index} depends on padding"
            )


def check_training(model: Model, batch: Any) -> None:
    """Training gives every parameter that is to learn a finite gradient."""
    model.train()
    with seeded(2):
        estimator = Reinforce(expected_first=0.0)
        estimator.meet(model)
        estimate: Estimate = estimator(model, batch)
        check_output(estimate.output, attends=model.attends)
        estimate.loss.backward()
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            require(parameter.grad is not None, f"{name} has no part in the loss")
            require(
                parameter.grad is None or bool(parameter.grad.isfinite().all()), f"the gradient of {name} is not finite"
            )
    model.zero_grad()
    model.eval()


def check_prediction(prediction: Prediction) -> None:
    """One free-running pass: one entry an example in everything, labels that fit the alignments."""
    batch = len(prediction.said)
    lengths = {"truth": prediction.truth, "queries": prediction.queries, "memory": prediction.memory}
    lengths |= {"about": prediction.about} if prediction.about else {}
    for name, column in lengths.items():
        # A grid over an image has no words, so memory may be left out there.
        absent = name == "memory" and prediction.grid is not None and not column
        require(absent or len(column) == batch, f"{name} has {len(column)} entries for {batch} examples")
    require(all(prediction.truth), "an example has no truth to be held against")
    check_alignments(prediction.alignments, prediction.gold, batch)
    for alignment in prediction.alignments:
        queries, memory = alignment.weights.shape[1:]
        require(
            max(map(len, prediction.queries)) <= queries, "an example has more query labels than its alignment rows"
        )
        if prediction.grid is None:
            require(max(map(len, prediction.memory)) <= memory, "an example has more memory labels than columns")
        else:
            rows, columns = prediction.grid
            require(rows * columns == memory, f"grid={prediction.grid} does not have the alignment's {memory} cells")
    if prediction.images is not None:
        require(len(prediction.images) == batch, f"{len(prediction.images)} images for {batch} examples")
        modes = {image.open().mode for image in prediction.images}
        require(modes == {"RGB"}, f"images are {', '.join(sorted(modes))}, not RGB")


def check_measures(task: Task, predictions: Sequence[Prediction]) -> None:
    """Corpus measures hold the primary one; per-example measures have one value an example."""
    measures, each = task.measure(predictions), task.measure_each(predictions)
    for name, found in {"measure": measures, "measure_each": each}.items():
        require(task.primary in found, f"{name} gives {sorted(found)} without the primary measure {task.primary}")
    require(all(value == value for value in measures.values()), f"a measure is not a number: {dict(measures)}")
    examples = sum(len(prediction.said) for prediction in predictions)
    for name, values in each.items():
        require(len(values) == examples, f"measure_each gives {len(values)} values of {name} for {examples} examples")
