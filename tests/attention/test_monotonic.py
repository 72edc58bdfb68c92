"""Monotonic and chunkwise attention against the process that they are the expectation of, walked in plain loops."""

import itertools
import math

import pytest
import torch
from torch import Tensor

from attnbench.attention import Alignment, Composed, Past, Selection
from attnbench.attention.score.dot import Dot
from attnbench.attention.selection.chunkwise import Chunkwise
from attnbench.attention.selection.monotonic import Monotonic

INFINITE = -torch.inf
Row = list[float]


def sigmoid(energy: float) -> float:
    return 1 / (1 + math.exp(-energy)) if energy > -700 else 0.0


def walked(scores: Row, last: Row, offset: float) -> Row:
    """Eq. 9 as it reads: from each place where the head may stand, past each position that does not stop it."""
    stops = [sigmoid(score + offset) for score in scores]
    alpha = []
    for at, stop in enumerate(stops):
        reached = [last[start] * math.prod(1 - stops[k] for k in range(start, at)) for start in range(at + 1)]
        alpha.append(stop * math.fsum(reached))
    return alpha


def chunked(scores: Row, alpha: Row, width: int) -> Row:
    """Each end's share, over the softmax of its chunk."""
    found = [0.0] * len(scores)
    for end, share in enumerate(alpha):
        chunk = [at for at in range(max(end - width + 1, 0), end + 1) if scores[at] > -math.inf]
        whole = math.fsum(math.exp(scores[at]) for at in chunk)
        for at in chunk:
            found[at] += share * math.exp(scores[at]) / whole
    return found


def asked(selection: Selection, queries: Tensor) -> list[Alignment]:
    """The alignments of queries' scores, [query, memory], one after the other."""
    past, found = Past.none(queries[:1]), []
    for scores in queries:
        found.append(selection.follow(scores[None, None], past))
        past = past.after(found[-1])
    return found


def drawn_scores(queries: int, memory: int, spread: float = 2.0) -> Tensor:
    torch.manual_seed(1)
    scores = torch.randn(queries, memory, dtype=torch.float64) * spread
    return scores.masked_fill(torch.rand(queries, memory) < 0.2, INFINITE)


@pytest.mark.parametrize("memory", [1, 2, 9])
def test_training_weights_are_the_expectation_over_the_head(memory: int) -> None:
    scores, last = drawn_scores(4, memory), [1.0] + [0.0] * (memory - 1)
    for row, alignment in zip(scores, asked(Monotonic(offset=-0.5, noise=0.0).train(), scores), strict=True):
        last = walked(row.tolist(), last, -0.5)
        assert alignment.weights[0, 0].tolist() == pytest.approx(last, rel=1e-9, abs=1e-15)


def test_expected_weights_are_the_mean_of_walks_that_are_drawn() -> None:
    scores, walks = drawn_scores(3, 6), 20_000
    torch.manual_seed(2)
    stops = torch.rand(walks, 3, 6) < torch.sigmoid(scores - 0.5)
    counts = torch.zeros(3, 6)
    for walk in stops.tolist():
        at = 0
        for query in range(3):
            while at < 6 and not walk[query][at]:
                at += 1
            if at == 6:
                break
            counts[query, at] += 1
    found = torch.cat([one.weights[0] for one in asked(Monotonic(offset=-0.5, noise=0.0).train(), scores)])
    off, error = (counts / walks - found).abs(), (found * (1 - found) / walks).sqrt()
    assert bool((off < 4.5 * error + 3 / walks).all())  # a place that is met once or twice has no normal error


@pytest.mark.parametrize("spread", [0.1, 5.0, 40.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_long_memories_neither_blow_up_nor_vanish(spread: float, dtype: torch.dtype) -> None:
    memory = 2000
    scores = drawn_scores(3, memory, spread)
    leaf = scores.to(dtype).requires_grad_()
    found = asked(Monotonic(offset=-3.0, noise=0.0).train().to(dtype), leaf)
    reached = [1.0] + [0.0] * (memory - 1)
    for row, alignment in zip(scores.to(dtype).tolist(), found, strict=True):
        before, q, reached = reached, 0.0, []
        for score, share in zip(row, before, strict=True):
            q += share
            reached.append(sigmoid(score - 3.0) * q)
            q *= 1 - sigmoid(score - 3.0)
        expected = torch.tensor(reached, dtype=torch.float64)
        tolerance = 1e-3 if dtype == torch.float32 else 1e-9
        torch.testing.assert_close(alignment.weights[0, 0].double(), expected, rtol=tolerance, atol=1e-12)
    torch.stack([one.weights for one in found]).square().sum().backward()
    assert leaf.grad is not None
    assert bool(leaf.grad.isfinite().all())


def test_gradient_runs_through_all_queries_before() -> None:
    scores, selection = drawn_scores(3, 5), Monotonic(offset=-0.5, noise=0.0).double().train()

    def last(*leaves: Tensor) -> Tensor:
        return asked(selection, leaves[0].masked_fill(scores == INFINITE, INFINITE))[-1].weights

    leaf = scores.masked_fill(scores == INFINITE, 0.0).requires_grad_()
    assert torch.autograd.gradcheck(last, (leaf, selection.offset))
    last(leaf).square().sum().backward()
    assert leaf.grad is not None
    assert bool(leaf.grad[0].any())


def test_head_reads_on_from_where_it_stopped_and_stays_off_the_end() -> None:
    selection = Monotonic(offset=-1.0).eval()
    scores = torch.tensor(
        [
            [-9.0, INFINITE, 1.5, 9.0, -9.0],  # passes over what is masked, stops at the first of at least 1
            [9.0, 9.0, 0.9, 1.0, 9.0],  # what lies behind it is gone, and 1.0 is p = 1/2
            [-9.0, -9.0, -9.0, 2.0, 9.0],  # it may stay
            [-9.0, -9.0, -9.0, -9.0, 0.0],  # nothing stops it
            [9.0, 9.0, 9.0, 9.0, 9.0],  # nothing is left
        ]
    )
    found = torch.cat([one.weights[0] for one in asked(selection, scores)])
    assert found.nonzero().tolist() == [[0, 2], [1, 3], [2, 3]]
    assert found.sum().item() == 3


def test_sharp_scores_make_training_and_evaluation_one() -> None:
    scores = torch.sign(drawn_scores(5, 8)) * 100
    for width, offset in ((None, -2.0), (3, -2.0)):
        options = {"offset": offset, "noise": 1.0}
        selection = Monotonic(**options) if width is None else Chunkwise(width=width, **options)
        for training, hard in zip(asked(selection.train(), scores), asked(selection.eval(), scores), strict=True):
            torch.testing.assert_close(training.weights, hard.weights, rtol=0, atol=1e-9)


def test_noise_is_of_training_alone() -> None:
    scores = torch.zeros(1, 6).double()
    for noise, training in itertools.product((0.0, 1.0), (False, True)):
        selection = Monotonic(offset=0.5, noise=noise).train(training)
        first, second = (asked(selection, scores)[0].weights for _ in range(2))
        assert torch.equal(first, second) == (noise == 0 or not training)


def test_queries_without_a_past_all_come_first() -> None:
    scores = drawn_scores(3, 5)
    for selection in (Monotonic(noise=0.0).train(), Chunkwise(width=2, noise=0.0).train()):
        alone = torch.cat([asked(selection, row[None])[0].weights for row in scores], dim=1)
        torch.testing.assert_close(selection(scores[None]).weights, alone)


@pytest.mark.parametrize("width", [1, 2, 4, 12])
def test_chunks_are_softmaxes_that_end_where_the_head_does(width: int) -> None:
    scores, last = drawn_scores(4, 9), [1.0] + [0.0] * 8
    found = asked(Chunkwise(width=width, offset=-0.5, noise=0.0).train(), scores)
    for row, alignment in zip(scores.tolist(), found, strict=True):
        last = walked(row, last, -0.5)
        assert alignment.ends is not None
        assert alignment.ends[0, 0].tolist() == pytest.approx(last, rel=1e-9, abs=1e-15)
        assert alignment.weights[0, 0].tolist() == pytest.approx(chunked(row, last, width), rel=1e-9, abs=1e-15)


def test_a_chunk_of_one_is_monotonic() -> None:
    scores = drawn_scores(3, 6)
    for training in (False, True):
        one, other = Chunkwise(width=1, noise=0.0).train(training), Monotonic(noise=0.0).train(training)
        for chunk, single in zip(asked(one, scores), asked(other, scores), strict=True):
            torch.testing.assert_close(chunk.weights, single.weights)


@pytest.mark.parametrize("training", [False, True])
def test_chunks_of_scores_far_apart_are_finite(training: bool) -> None:
    scores = torch.tensor([[-800.0, INFINITE, INFINITE, 800.0, -800.0, 90.0]]).requires_grad_()
    (alignment,) = asked(Chunkwise(width=2, noise=0.0).train(training), scores)
    alignment.weights.square().sum().backward()
    assert scores.grad is not None
    assert bool(scores.grad.isfinite().all())
    assert alignment.weights[0, 0].tolist() == pytest.approx([0, 0, 0, 1, 0, 0], abs=1e-6)


@pytest.mark.parametrize("selection", [Monotonic, lambda: Chunkwise(width=2)])
def test_padding_before_the_memory_changes_nothing(selection: type[Selection]) -> None:
    torch.manual_seed(3)
    attention = Composed(4, 4, score=Dot, selection=selection).double().eval()
    query, keys = torch.randn(2, 3, 4).double(), torch.randn(2, 5, 4).double() * 3
    mask = torch.ones(2, 1, 7, dtype=torch.bool)
    mask[..., :2] = False
    padded = torch.cat([torch.randn(2, 2, 4).double(), keys], dim=1)
    found = attention(query, attention.prepare(padded, padded, mask))
    alone = attention(query, attention.prepare(keys, keys, mask[..., 2:]))
    assert bool(alone.alignment.weights.any())
    torch.testing.assert_close(found.alignment.weights[..., 2:], alone.alignment.weights)
    torch.testing.assert_close(found.context, alone.context)
