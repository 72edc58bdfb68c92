"""Beam search: the best sentences, found by keeping the likeliest of their beginnings, word by word."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from attnbench.attention import Alignment
from attnbench.tasks.sequence.decoder import Decoder, Selectable
from attnbench.tasks.sequence.said import Said, Scored, joined
from attnbench.tasks.sequence.text import Vocabulary


class Beam(NamedTuple):
    """Unfinished hypotheses, `beam` rows for each example; log_prob is -inf where a row holds none."""

    words: Int[Tensor, " rows"]  # the last of each
    state: Selectable
    log_prob: Float[Tensor, "batch beam"]


class Step(NamedTuple):
    """How the rows of a beam follow from those of the beam before."""

    words: Int[Tensor, " rows"]
    parents: Int[Tensor, " rows"]  # the row before that each continues
    alignments: Sequence[Alignment]  # where the rows before looked, place by place


class Finished(NamedTuple):
    """Each example's best finished hypotheses, best first; the score is -inf where there are not as many yet."""

    scores: Float[Tensor, "batch n_best"]
    rows: Int[Tensor, "batch n_best"]  # of the step that finished them
    lengths: Int[Tensor, "batch n_best"]

    def joined(self, scores: Float[Tensor, "batch beam"], length: int) -> "Finished":
        """The best of these and of a step's rows; of equals the earlier."""
        rows = torch.arange(scores.numel(), device=scores.device).view_as(scores)
        more = Finished(scores, rows, torch.full_like(rows, length))
        both = [torch.cat(parts, dim=1) for parts in zip(self, more, strict=True)]
        order = both[0].sort(dim=1, descending=True, stable=True).indices[:, : self.scores.shape[1]]
        return Finished._make(part.gather(1, order) for part in both)


@torch.no_grad()
def beam_search(
    decoder: Decoder[Any, Any],
    summary: Float[Tensor, "batch start"],
    memory: Any,
    *,
    beam: int,
    limit: int,
    length_penalty: float,
    n_best: int = 1,
) -> Said:
    """The sentences with the highest log p / ((5 + length) / 6)^length_penalty. Wu et al. 2016, eq. 14 without coverage.

    Each step keeps the `beam` likeliest continuations; those that end leave the beam, which fills up again at the next step. The
    length counts the end symbol; at `limit` symbols unfinished hypotheses count as they are. log p only falls and the divisor
    only grows, so that log p / ((5 + limit) / 6)^length_penalty bounds all that can become of a hypothesis: an example is
    done as soon as no bound exceeds its n-th best finished score. `ranked` has fewer than `n_best` where there are no more.
    """
    check_search(beam=beam, limit=limit, length_penalty=length_penalty, n_best=n_best)
    unfinished, memory, finished = beginning(decoder, summary, memory, beam, n_best)
    steps: list[Step] = []
    while bool((unfinished.log_prob != -torch.inf).any()):
        unfinished, step = continued(decoder, unfinished, memory)
        steps.append(step)
        unfinished, finished = settled(unfinished, finished, len(steps), limit, length_penalty)
    best = traced(steps, finished.rows[:, 0], finished.lengths[:, 0])
    return best._replace(ranked=ranked(steps, finished))


def check_search(*, beam: int, limit: int, length_penalty: float, n_best: int = 1) -> None:
    """Raises ValueError where nothing can be searched for like that."""
    if limit < 1:
        raise ValueError(f"limit={limit}: must be at least 1, the most symbols of a sentence")
    if beam < 1:
        raise ValueError(f"beam={beam}: must be at least 1, which is greedy search")
    if not 0 <= length_penalty < math.inf:
        raise ValueError(f"length_penalty={length_penalty}: must be a number of at least 0, which is none")
    if not 1 <= n_best <= beam:
        raise ValueError(f"n_best={n_best}: must be at least 1 and at most beam={beam}")


def divisor(length: int, length_penalty: float) -> float:
    """What log p is divided by. Wu et al. 2016, eq. 14."""
    return ((5 + length) / 6) ** length_penalty


def beginning(
    decoder: Decoder[Any, Any], summary: Float[Tensor, "batch start"], memory: Any, beam: int, n_best: int
) -> tuple[Beam, Any, Finished]:
    """One hypothesis an example, in which nothing is said yet; the memory for all rows; nothing finished."""
    batch = summary.shape[0]
    rows = torch.arange(batch, device=summary.device).repeat_interleave(beam)
    exact = torch.promote_types(summary.dtype, torch.float32)
    log_prob = torch.full((batch, beam), -torch.inf, dtype=exact, device=summary.device)
    nowhere = torch.zeros(batch, n_best, dtype=torch.long, device=summary.device)
    finished = Finished(log_prob[:, :n_best].clone(), nowhere, nowhere)
    log_prob[:, 0] = 0.0
    words = torch.full_like(rows, Vocabulary.start)
    return Beam(words, decoder.start(summary).select(rows), log_prob), decoder.shared(memory, beam), finished


def continued(decoder: Decoder[Any, Any], beam: Beam, memory: Any) -> tuple[Beam, Step]:
    """The likeliest continuations of each example's hypotheses by one word, as many as the beam holds."""
    logits, alignments, state = decoder.advance(beam.words, beam.state, memory)
    log_probs = torch.log_softmax(logits.to(beam.log_prob.dtype), dim=-1)
    reached = beam.log_prob.unsqueeze(-1) + log_probs.view(*beam.log_prob.shape, -1)
    reached[..., [Vocabulary.pad, Vocabulary.start]] = -torch.inf
    log_prob, places = reached.flatten(1).topk(beam.log_prob.shape[1], dim=1)
    first = torch.arange(0, len(beam.words), beam.log_prob.shape[1], device=places.device).unsqueeze(1)
    parents, words = (first + places // reached.shape[2]).flatten(), (places % reached.shape[2]).flatten()
    return Beam(words, state.select(parents), log_prob), Step(words, parents, alignments)


def settled(beam: Beam, finished: Finished, length: int, limit: int, length_penalty: float) -> tuple[Beam, Finished]:
    """The beam less the hypotheses that ended, which join the finished ones, and less those of examples that are done."""
    ended = (beam.words == Vocabulary.end).view_as(beam.log_prob) | (length == limit)
    scores = beam.log_prob / divisor(length, length_penalty)
    finished = finished.joined(scores.masked_fill(~ended, -torch.inf), length)
    bounds = beam.log_prob.masked_fill(ended, -torch.inf) / divisor(limit, length_penalty)
    done = bounds.amax(dim=1, keepdim=True) <= finished.scores[:, -1:]
    return beam._replace(log_prob=beam.log_prob.masked_fill(ended | done, -torch.inf)), finished


def traced(steps: Sequence[Step], rows: Int[Tensor, " hypotheses"], lengths: Int[Tensor, " hypotheses"]) -> Said:
    """The hypotheses that stand in those rows after so many steps, followed back to their beginning."""
    words: list[Tensor] = []
    alignments: list[Sequence[Alignment]] = []
    for length in range(int(lengths.max()), 0, -1):
        step, begun = steps[length - 1], lengths >= length
        parents = step.parents[rows]
        words.append(step.words[rows].masked_fill(~begun, Vocabulary.pad))
        alignments.append([place.select(parents).keep(begun.unsqueeze(1)) for place in step.alignments])
        rows = torch.where(begun, parents, rows)
    return Said(torch.stack(words[::-1], dim=1), joined(alignments[::-1]))


def ranked(steps: Sequence[Step], finished: Finished) -> list[list[Scored]]:
    """Each example's finished hypotheses."""
    words = traced(steps, finished.rows.flatten(), finished.lengths.flatten()).words
    result = []
    for example, sentences in enumerate(words.view(*finished.rows.shape, -1).tolist()):
        scores, lengths = finished.scores[example].tolist(), finished.lengths[example].tolist()
        those = zip(sentences, lengths, scores, strict=True)
        result.append([Scored(sentence[:length], score) for sentence, length, score in those if score != -math.inf])
    return result
