"""Beam search: the best sentences, found by keeping the likeliest of their beginnings, word by word."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from attnbench.attention import Alignment
from attnbench.tasks.sequence.decoder import Decoder, Selectable
from attnbench.tasks.sequence.memories import Memories, selected, visible
from attnbench.tasks.sequence.said import Said, Scored, joined
from attnbench.tasks.sequence.text import Vocabulary
from attnbench.tasks.sequence.worth import Worth, mean_weights


class Going(NamedTuple):
    """The examples that are not done, and what they read."""

    examples: Int[Tensor, " going"]
    memory: Memories
    shared: Any  # the memory for all rows of a beam
    visible: Bool[Tensor, "going memory"]


class Beam(NamedTuple):
    """Hypotheses, `beam` rows for each example that is going; log_prob is -inf where a row holds none."""

    words: Int[Tensor, " rows"]  # the last of each
    state: Selectable
    log_prob: Float[Tensor, "going beam"]
    looked: Float[Tensor, "rows memory"] | None  # each row's weights so far, summed; None where nobody asks


class Step(NamedTuple):
    """How the rows of a beam follow from those of the beam before."""

    words: Int[Tensor, " rows"]
    parents: Int[Tensor, " rows"]  # the row before that each continues
    alignments: Sequence[Alignment]  # where the rows before looked, place by place
    left: Int[Tensor, " left"]  # the rows of examples that are not done, which are all that the next step begins with


class Finished(NamedTuple):
    """Each example's best finished hypotheses, best first; the score is -inf where there are not as many yet."""

    scores: Float[Tensor, "batch n_best"]
    rows: Int[Tensor, "batch n_best"]  # of the step that finished them
    lengths: Int[Tensor, "batch n_best"]

    def joined(self, examples: Int[Tensor, " going"], scores: Float[Tensor, "going beam"], length: int) -> "Finished":
        """The best of these and of a step's rows, which are of those examples; of equals the earlier."""
        rows = torch.arange(scores.numel(), device=scores.device).view_as(scores)
        more = Finished(scores, rows, torch.full_like(rows, length))
        both = [torch.cat([own[examples], new], dim=1) for own, new in zip(self, more, strict=True)]
        order = both[0].sort(dim=1, descending=True, stable=True).indices[:, : self.scores.shape[1]]
        best = [part.gather(1, order) for part in both]
        return Finished._make(own.index_copy(0, examples, new) for own, new in zip(self, best, strict=True))


@torch.no_grad()
def beam_search(
    decoder: Decoder[Any, Any],
    summary: Float[Tensor, "batch start"],
    memory: Any,
    *,
    beam: int,
    limit: int,
    length_penalty: float,
    coverage_penalty: float = 0.0,
    early_stopping: bool = False,
    n_best: int = 1,
) -> Said:
    """The sentences that are worth most by Wu et al. 2016, eq. 14, as `Worth` has it.

    Each step keeps the `beam` likeliest continuations; those that end leave the beam, which fills up again at the next step. The
    length counts the end symbol; at `limit` symbols unfinished hypotheses count as they are. An example is done as soon as
    no unfinished hypothesis can become worth more than its n-th best finished one, or with `early_stopping` as soon as none
    would be at the length that it has, and leaves the batch. `ranked` has fewer than `n_best` where there are no more.
    """
    check_search(beam=beam, limit=limit, n_best=n_best)
    worth = Worth(length_penalty=length_penalty, coverage_penalty=coverage_penalty)
    going, unfinished, finished = beginning(decoder, summary, memory, beam, n_best, counted=coverage_penalty > 0)
    steps: list[Step] = []
    while len(going.examples):
        parents, alignments, reached = continued(decoder, unfinished, going)
        length = len(steps) + 1
        within = length if early_stopping else limit
        log_prob, finished = settled(reached, finished, going, worth, length=length, limit=limit, within=within)
        left = (log_prob != -torch.inf).any(dim=1).nonzero().squeeze(1)
        rows = (left.unsqueeze(1) * beam + torch.arange(beam, device=left.device)).flatten()
        steps.append(Step(reached.words, parents, alignments, rows))
        looked = None if reached.looked is None else reached.looked[rows]
        unfinished = Beam(reached.words[rows], reached.state.select(parents[rows]), log_prob[left], looked)
        going = remaining(decoder, going, left, beam)
    return told(steps, finished)


def check_search(*, beam: int, limit: int, n_best: int = 1) -> None:
    """Raises ValueError where nothing can be searched for like that."""
    if limit < 1:
        raise ValueError(f"limit={limit}: must be at least 1, the most symbols of a sentence")
    if beam < 1:
        raise ValueError(f"beam={beam}: must be at least 1, which is greedy search")
    if not 1 <= n_best <= beam:
        raise ValueError(f"n_best={n_best}: must be at least 1 and at most beam={beam}")


def beginning(
    decoder: Decoder[Any, Any],
    summary: Float[Tensor, "batch start"],
    memory: Memories,
    beam: int,
    n_best: int,
    *,
    counted: bool,
) -> tuple[Going, Beam, Finished]:
    """One hypothesis an example, in which nothing is said yet, and nothing finished; `counted` where looks are to be summed."""
    batch, device = summary.shape[0], summary.device
    going = Going(torch.arange(batch, device=device), memory, decoder.shared(memory, beam), visible(memory))
    rows = going.examples.repeat_interleave(beam)
    exact = torch.promote_types(summary.dtype, torch.float32)
    log_prob = torch.full((batch, beam), -torch.inf, dtype=exact, device=device)
    nowhere = torch.zeros(batch, n_best, dtype=torch.long, device=device)
    finished = Finished(log_prob[:, :n_best].clone(), nowhere, nowhere)
    log_prob[:, 0] = 0.0
    words = torch.full_like(rows, Vocabulary.start)
    looked = torch.zeros(len(rows), going.visible.shape[1], dtype=exact, device=device) if counted else None
    return going, Beam(words, decoder.start(summary).select(rows), log_prob, looked), finished


def continued(
    decoder: Decoder[Any, Any], beam: Beam, going: Going
) -> tuple[Int[Tensor, " rows"], Sequence[Alignment], Beam]:
    """The likeliest continuations of each example's hypotheses by one word, as many as the beam holds.

    With the row that each continues, and where the rows looked; the state is still that of the rows themselves.
    """
    logits, alignments, state = decoder.advance(beam.words, beam.state, going.shared)
    log_probs = torch.log_softmax(logits.to(beam.log_prob.dtype), dim=-1)
    log_probs[:, [Vocabulary.pad, Vocabulary.start]] = -torch.inf
    examples, width = beam.log_prob.shape
    best, words = largest(log_probs, min(width, log_probs.shape[1]))  # no beam holds more of one row's continuations
    reached = beam.log_prob.unsqueeze(-1) + best.view(examples, width, -1)
    log_prob, places = reached.flatten(1).topk(width, dim=1)
    first = torch.arange(0, examples * width, width, device=places.device).unsqueeze(1)
    parents = (first + places // reached.shape[2]).flatten()
    words = words.view(examples, -1).gather(1, places).flatten()
    looked = None if beam.looked is None else (beam.looked + mean_weights(alignments).squeeze(1))[parents]
    return parents, alignments, Beam(words, state, log_prob, looked)


def largest(
    values: Float[Tensor, "row value"], count: int, group: int = 64
) -> tuple[Float[Tensor, "row {count}"], Int[Tensor, "row {count}"]]:
    """The `count` largest of each row, largest first, and where they stand: as `topk` has them, and faster on a CPU.

    They stand in those groups of neighbours whose own largest are the `count` largest, so that few values need be sorted.
    """
    rows, length = values.shape
    groups = length // group
    if groups <= 2 * count:
        return values.topk(count, dim=1)
    inside = groups * group
    parts = values[:, :inside].unflatten(1, (groups, group))
    chosen = parts.amax(dim=2).topk(count, dim=1).indices
    within = torch.arange(group, device=values.device)
    places = (chosen.unsqueeze(2) * group + within).flatten(1)
    rest = torch.arange(inside, length, device=values.device).expand(rows, -1)
    places = torch.cat([places, rest], dim=1)
    found, order = values.gather(1, places).topk(count, dim=1)
    return found, places.gather(1, order)


def settled(
    beam: Beam, finished: Finished, going: Going, worth: Worth, *, length: int, limit: int, within: int
) -> tuple[Float[Tensor, "going beam"], Finished]:
    """log_prob less the hypotheses that ended, which join the finished ones, and less those of examples that are done.

    An example is done where no hypothesis could be worth more than its finished ones if it ended `within` so many symbols.
    """
    ended = (beam.words == Vocabulary.end).view_as(beam.log_prob) | (length == limit)
    looked = None if beam.looked is None else beam.looked.view(*beam.log_prob.shape, -1)
    scores = worth(beam.log_prob, length, looked, going.visible)
    finished = finished.joined(going.examples, scores.masked_fill(~ended, -torch.inf), length)
    bounds = worth.bound(beam.log_prob.masked_fill(ended, -torch.inf), within)
    done = bounds.amax(dim=1, keepdim=True) <= finished.scores[going.examples, -1:]
    return beam.log_prob.masked_fill(ended | done, -torch.inf), finished


def remaining(decoder: Decoder[Any, Any], going: Going, left: Int[Tensor, " left"], beam: int) -> Going:
    """Those of the examples that are left; done ones cost nothing more."""
    if len(left) in (0, len(going.examples)):
        return going._replace(examples=going.examples[left])
    memory = selected(going.memory, left)
    return Going(going.examples[left], memory, decoder.shared(memory, beam), going.visible[left])


def told(steps: Sequence[Step], finished: Finished) -> Said:
    """Each example's best hypothesis, and its n best."""
    best = traced(steps, finished.rows[:, 0], finished.lengths[:, 0])
    one = finished.rows.shape[1] == 1
    return best._replace(
        ranked=ranked(best if one else traced(steps, finished.rows.flatten(), finished.lengths.flatten()), finished)
    )


def traced(steps: Sequence[Step], rows: Int[Tensor, " hypotheses"], lengths: Int[Tensor, " hypotheses"]) -> Said:
    """The hypotheses that stand in those rows after so many steps, followed back to their beginning."""
    words: list[Tensor] = []
    alignments: list[Sequence[Alignment]] = []
    for length in range(int(lengths.max()), 0, -1):
        step, begun = steps[length - 1], lengths >= length
        own = rows.masked_fill(~begun, 0)  # any row, where a hypothesis is shorter
        parents = step.parents[own]
        words.append(step.words[own].masked_fill(~begun, Vocabulary.pad))
        alignments.append([place.select(parents).keep(begun.unsqueeze(1)) for place in step.alignments])
        if length > 1:
            rows = torch.where(begun, steps[length - 2].left[parents], rows)
    return Said(torch.stack(words[::-1], dim=1), joined(alignments[::-1]))


def ranked(said: Said, finished: Finished) -> list[list[Scored]]:
    """Each example's finished hypotheses, of all that were said, which are example by example."""
    weights = mean_weights(said.alignments)
    scores, lengths = finished.scores.flatten().tolist(), finished.lengths.flatten().tolist()
    every = [
        Scored(words[:length], score, looked[:length])
        for words, length, score, looked in zip(said.words.tolist(), lengths, scores, weights, strict=True)
    ]
    count = finished.scores.shape[1]
    return [
        [scored for scored in every[first : first + count] if scored.score != -math.inf]
        for first in range(0, len(every), count)
    ]
