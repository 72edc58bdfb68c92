"""The lean forms of additive scores against the plain one, which is their oracle."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from attnbench.attention import Memory
from attnbench.attention.kernels import additive, additive_cpu
from attnbench.attention.kernels.additive import additive_scores, has_triton, worth_it
from attnbench.attention.score.additive import Additive

SIZES = [  # batch, queries, memory, hidden
    (1, 1, 1, 1),
    (2, 1, 7, 5),
    (3, 2, 5, 1),
    (2, 5, 1, 3),
    (5, 3, 4, 6),
    (2, 9, 33, 7),
    (1, 17, 40, 11),
    (4, 1, 60, 9),
]
TOLERANCE = {torch.float64: 1e-12, torch.float32: 2e-5, torch.bfloat16: 0.06}


class Answer(NamedTuple):
    scores: Tensor
    query: Tensor
    key: Tensor
    energy: Tensor


class Question(NamedTuple):
    query: Tensor
    key: Tensor
    energy: Tensor
    mask: Tensor
    grad: Tensor

    @staticmethod
    def of(batch: int, queries: int, memory: int, hidden: int, *, rows: int = 1, scale: float = 1.0) -> "Question":
        torch.manual_seed(batch + queries * memory + hidden)
        sizes = (batch, queries, hidden), (batch, memory, hidden), (hidden,)
        drawn = [torch.randn(size, dtype=torch.float64) for size in sizes]
        mask = torch.rand(batch, rows, memory) < 0.7
        grad = torch.randn(batch, queries, memory, dtype=torch.float64)
        return Question(scale * drawn[0], scale * drawn[1], drawn[2] / hidden**0.5, mask, grad)

    def asked(self, kernel: additive.Kernel, dtype: torch.dtype = torch.float64) -> Answer:
        """Scores that the mask lets through, and their gradients."""
        leaves = [side.to(dtype).detach().requires_grad_() for side in self[:3]]
        scores = additive_scores(leaves[0], leaves[1], leaves[2], self.mask, kernel).masked_fill(~self.mask, 0.0)
        gradients = torch.autograd.grad(scores, leaves, self.grad.to(dtype))
        return Answer(scores.detach(), *gradients)


def assert_alike(found: Answer, expected: Answer, tolerance: float) -> None:
    for name, left, right in zip(Answer._fields, found, expected, strict=True):
        assert left.shape == right.shape
        scale = max(1.0, right.abs().max().item()) if right.numel() else 1.0
        torch.testing.assert_close(
            left.double(), right.double(), rtol=0, atol=tolerance * scale, msg=lambda m, n=name: n + m
        )


@pytest.fixture(params=[2**17, 64, 1], ids=["one_piece", "some_pieces", "smallest_pieces"])
def piece(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many numbers a piece may hold."""
    monkeypatch.setattr(additive_cpu, "PIECE", request.param)
    return request.param


@pytest.mark.usefixtures("piece")
@pytest.mark.parametrize("per_query", [False, True])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_lean_is_plain_in_float64(size: tuple[int, int, int, int], per_query: bool) -> None:
    question = Question.of(*size, rows=size[1] if per_query else 1)
    assert_alike(question.asked("lean"), question.asked("plain"), 1e-12)


@pytest.mark.usefixtures("piece")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_lean_stays_close_to_float64(size: tuple[int, int, int, int], dtype: torch.dtype) -> None:
    question = Question.of(*size)
    found = question.asked("lean", dtype)
    assert {part.dtype for part in found} == {dtype}
    assert_alike(found, question.asked("plain"), TOLERANCE[dtype])


def test_float32_errs_no_more_than_plain() -> None:
    question = Question.of(4, 40, 70, 96)
    exact, plain, lean = question.asked("plain"), *(question.asked(k, torch.float32) for k in ("plain", "lean"))
    for right, usual, found in zip(exact, plain, lean, strict=True):
        assert (found - right).abs().max() <= 4 * (usual - right).abs().max()


@pytest.mark.usefixtures("piece")
@pytest.mark.parametrize("size", [(2, 1, 4, 3), (2, 5, 4, 3)], ids=str)
def test_gradients_are_exact(size: tuple[int, int, int, int]) -> None:
    question = Question.of(*size, rows=size[1])
    leaves = [side.requires_grad_() for side in question[:3]]
    assert torch.autograd.gradcheck(lambda *sides: additive_scores(*sides, question.mask, "lean"), leaves)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("queries", [1, 8])
@pytest.mark.parametrize("offset", [15.0, 40.0, 60.0, 400.0, 1e4])
def test_large_magnitudes_that_cancel_are_right(offset: float, queries: int, dtype: torch.dtype) -> None:
    question = Question.of(2, queries, 6, 5)
    question.query.round_(decimals=1).add_(offset)
    question.key.round_(decimals=1).sub_(offset)
    question.key[:, 0] = offset
    question = Question(*(part.to(dtype).double() if part.is_floating_point() else part for part in question))
    # Here the sum q + k is what rounds, and both forms take the same one.
    assert_alike(question.asked("lean", dtype), question.asked("plain", dtype), 20 * torch.finfo(dtype).eps * offset)


@pytest.mark.usefixtures("piece")
@pytest.mark.parametrize("queries", [1, 6])
def test_where_nobody_may_look_there_is_neither_score_nor_gradient(queries: int) -> None:
    question = Question.of(4, queries, 9, 5, rows=queries)
    question.mask[1] = False
    question.mask[2, 0] = False
    question.mask[3, :, :4], question.mask[3, :, 6:] = False, False
    question.key[1] = 1e30
    question.key[3, 7:] = -1e30
    leaves = [side.requires_grad_() for side in question[:3]]
    scores = additive_scores(leaves[0], leaves[1], leaves[2], question.mask, "lean")
    assert torch.equal(scores[~question.mask], torch.zeros_like(scores[~question.mask]))
    gradients = torch.autograd.grad(scores, leaves, question.grad)
    assert not gradients[0][1].any()
    assert not gradients[1][1].any()
    assert not gradients[1][3, [0, 1, 2, 3, 6, 7, 8]].any()
    assert_alike(Answer(scores.detach(), *gradients), question.asked("plain"), 1e-12)


class Work(TorchDispatchMode):
    """Counts the numbers that reciprocals and sigmoids were taken of, and the largest storage that was made."""

    def __init__(self) -> None:
        super().__init__()
        self.pairs = self.largest = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        self.pairs += out.numel() if func.overloadpacket.__name__ in ("reciprocal_", "sigmoid_") else 0
        made = [leaf.untyped_storage().nbytes() for leaf in tree_leaves(out) if isinstance(leaf, Tensor)]
        self.largest = max(self.largest, *made, 0)
        return out


def work_of(question: Question) -> Work:
    with Work() as work:
        question.asked("lean", torch.float32)
    return work


def test_windows_skip_work() -> None:
    question = Question.of(2, 64, 512, 64)
    places = torch.arange(512) - 8 * torch.arange(64).unsqueeze(1)
    window = question._replace(mask=(places.abs() < 8).expand(2, 64, 512))
    empty = question._replace(mask=torch.zeros(2, 1, 512, dtype=torch.bool))
    everywhere = question._replace(mask=torch.ones(2, 1, 512, dtype=torch.bool))
    assert work_of(everywhere).pairs == 2 * 2 * 64 * 512 * 64  # forward and backward
    assert work_of(window).pairs < 0.2 * work_of(everywhere).pairs
    assert work_of(empty).pairs == 0


@pytest.mark.parametrize("queries", [1, 64])
def test_lean_never_holds_all_pairs(queries: int) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        question = Question.of(8, queries, 20_000 // queries, 128)
        full = 4 * 8 * queries * (20_000 // queries) * 128
        inputs = max(part.numel() * 4 for part in question[:3])
        largest = work_of(question).largest
        assert largest <= max(inputs, 4 * 3 * additive_cpu.PIECE // 2, question.grad.numel() * 8)
        assert queries == 1 or largest < full / 20
    finally:
        torch.set_num_threads(threads)


@pytest.mark.usefixtures("piece")
def test_layout_of_the_inputs_does_not_matter() -> None:
    question = Question.of(3, 6, 8, 5, rows=6)
    strided = Question(
        question.query.transpose(0, 1).contiguous().transpose(0, 1),
        question.key.mT.contiguous().mT,
        question.energy.repeat_interleave(2)[::2],
        question.mask.mT.contiguous().mT,
        question.grad.mT.contiguous().mT,
    )
    assert not any(part.is_contiguous() for part in strided)
    assert_alike(strided.asked("lean"), question.asked("plain"), 1e-12)
    spread = question._replace(query=question.query[:1].expand(3, 6, 5), mask=question.mask[:, :1].expand(3, 6, 8))
    assert_alike(spread.asked("lean"), spread.asked("plain"), 1e-12)


@pytest.mark.parametrize("wanted", [(0,), (1,), (2,), (0, 2)])
def test_gradients_are_given_to_whom_they_are_due(wanted: tuple[int, ...]) -> None:
    question = Question.of(2, 5, 6, 4)
    sides = [side.clone().requires_grad_(index in wanted) for index, side in enumerate(question[:3])]
    scores = additive_scores(sides[0], sides[1], sides[2], question.mask, "lean").masked_fill(~question.mask, 0.0)
    scores.backward(question.grad)
    expected = question.asked("plain")[1:]
    for index, side in enumerate(sides):
        assert (side.grad is not None) == (index in wanted)
        if side.grad is not None:
            torch.testing.assert_close(side.grad, expected[index], rtol=0, atol=1e-12)


def test_autocast_reckons_the_pieces_in_float32() -> None:
    question = Question.of(2, 9, 12, 32)
    with torch.autocast("cpu", torch.bfloat16):
        found = question.asked("lean", torch.float32)
    assert_alike(found, question.asked("plain"), TOLERANCE[torch.float32])


@pytest.mark.parametrize("kernel", ["plain", "lean"])
def test_score_under_autocast_has_one_kind_whatever_the_kernel(kernel: additive.Kernel) -> None:
    score = Additive(4, 6, hidden_dim=8, kernel=kernel)
    with torch.autocast("cpu", torch.bfloat16):
        keys = score.prepare(torch.randn(2, 5, 6))
        memory = Memory(keys, keys, torch.ones(2, 1, 5, dtype=torch.bool))
        assert score(torch.randn(2, 3, 4), memory).dtype == torch.bfloat16


@pytest.mark.parametrize("size", [(0, 2, 3, 4), (2, 0, 3, 4), (2, 5, 0, 4)], ids=str)
def test_empty_axes_give_empty_scores(size: tuple[int, int, int, int]) -> None:
    question = Question.of(*size)
    assert_alike(question.asked("lean"), question.asked("plain"), 0.0)


@pytest.mark.parametrize(
    ("size", "learning", "looking"),
    [
        ((2, 3, 4, 5), False, False),
        ((64, 1, 30, 128), False, True),
        ((64, 1, 200, 128), True, True),
        ((8, 64, 256, 256), True, True),
        ((64, 64, 256, 4), False, False),
    ],
    ids=str,
)
def test_auto_chooses_by_size(size: tuple[int, int, int, int], learning: bool, looking: bool) -> None:
    batch, queries, memory, hidden = size
    query, key = torch.zeros(batch, queries, hidden, requires_grad=True), torch.zeros(batch, memory, hidden)
    assert worth_it(query, key) == learning
    assert worth_it(query.detach(), key) == looking
    with torch.no_grad():
        assert worth_it(query, key) == looking
    if batch * queries * memory * hidden < 2**21:
        scores = additive_scores(query, key, torch.zeros(hidden), torch.ones(batch, 1, memory, dtype=torch.bool))
        assert scores.grad_fn is not None
        assert (scores.grad_fn.name() == "InPiecesBackward") == learning


@pytest.mark.usefixtures("unchecked_types")
def test_score_refuses_an_unknown_kernel() -> None:
    with pytest.raises(ValueError, match="kernel=quick: must be one of auto, plain, lean") as caught:
        Additive(4, 4, hidden_dim=3, kernel="quick")  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


INTERPRETED = """
import torch
from attnbench.attention.kernels.additive import plain_additive_scores
from attnbench.attention.kernels.additive_triton import ByTiles

torch.manual_seed(0)
cases = [(1, 1, 1, 1, 1), (2, 3, 5, 7, 3), (2, 1, 35, 3, 1), (1, 34, 6, 5, 34), (1, 2, 3, 70, 1)]
for dtype, tolerance in ((torch.float32, 1e-5), (torch.bfloat16, 0.06), (torch.float16, 0.01)):
    for batch, queries, memory, hidden, rows in cases if dtype == torch.float32 else cases[1:2]:
        sizes = (batch, queries, hidden), (batch, memory, hidden), (hidden,)
        drawn = [torch.randn(size).to(dtype) for size in sizes]
        mask, grad = torch.rand(batch, rows, memory) < 0.6, torch.randn(batch, queries, memory).to(dtype)
        mask[-1, 0] = False
        if queries == 1 == batch:
            mask[:] = True
        answers = []
        for form in (ByTiles.apply, lambda *sides: plain_additive_scores(*sides[:3]).masked_fill(~mask, 0.0)):
            leaves = [side.to(dtype if form == ByTiles.apply else torch.float64).requires_grad_() for side in drawn]
            scores = form(*leaves, mask)
            answers.append([scores, *torch.autograd.grad(scores, leaves, grad.to(scores.dtype))])
        for found, exact in zip(*answers, strict=True):
            scale = max(1.0, exact.abs().max().item())
            torch.testing.assert_close(found.double(), exact, rtol=0, atol=tolerance * scale)
            assert found.dtype == dtype
print("agreed")
"""


@pytest.mark.skipif(not has_triton(), reason="Triton is not installed")
def test_triton_kernels_are_plain_when_interpreted(tmp_path: Path) -> None:
    surroundings = {**os.environ, "TRITON_INTERPRET": "1", "TRITON_CACHE_DIR": str(tmp_path), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", INTERPRETED],
        env=surroundings,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "agreed", done.stderr


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device is at hand")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_triton_kernels_are_plain_on_the_device(dtype: torch.dtype) -> None:
    for size in [*SIZES, (3, 50, 130, 200)]:
        question = Question.of(*size)
        there = Question(*(part.cuda() for part in question))
        found = Answer(*(part.cpu() for part in there.asked("lean", dtype)))
        assert_alike(found, question.asked("plain"), TOLERANCE[dtype])
