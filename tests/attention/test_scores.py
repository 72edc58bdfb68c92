"""What single scores promise beyond laws and references: options, borders of windows, the past, precision."""

import re
from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor

from attnbench.attention import Attended, Attention, Composed, Memory, Past, Score
from attnbench.attention.damped import Damped
from attnbench.attention.score.additive import Additive
from attnbench.attention.score.concat import Concat
from attnbench.attention.score.cosine import Cosine
from attnbench.attention.score.coverage import Coverage
from attnbench.attention.score.dot import Dot
from attnbench.attention.score.feed_forward import FeedForward
from attnbench.attention.score.local_m import LocalM
from attnbench.attention.score.local_p import LocalP
from attnbench.attention.score.location import Location
from attnbench.attention.score.location_sensitive import LocationSensitive
from attnbench.attention.score.none import NoScore
from attnbench.attention.score.window import PredictedWindow
from attnbench.attention.selection.hard import Hard
from attnbench.attention.selection.softmax import Softmax
from attnbench.tasks.testing import LAWS, Subject
from attnbench.tasks.testing.subject import Inputs, attend

REFUSED = {
    "hidden_dim=0: must be at least 1": partial(Concat, hidden_dim=0),
    "kernel=fast: must be one of auto, plain, lean": partial(Concat, hidden_dim=3, kernel="fast"),
    "sharpness=0.0: must be a positive number": partial(Cosine, sharpness=0.0),
    "sharpness=inf: must be a positive number": partial(Cosine, sharpness=float("inf")),
    "longest=0: must be at least 1": partial(Location, longest=0),
    "half_width=0: must be at least 1": partial(LocalM, content=Dot, half_width=0),
    "half_width=-1: must be at least 1": partial(LocalP, content=Dot, half_width=-1),
    "filters=0: must be at least 1": partial(LocationSensitive, hidden_dim=3, filters=0),
    "width=4: must be odd and at least 1, so that a filter has a middle": partial(
        LocationSensitive, hidden_dim=3, width=4
    ),
    "history=all: must be one of last, total": partial(LocationSensitive, hidden_dim=3, history="all"),
    "selection=Hard cannot go with Damped, which damps the weights of softmax; use selection=softmax, or "
    "attention/score=local_p, which goes with every selection": partial(Damped, score=Dot, selection=Hard),
}
WINDOWS: dict[str, Callable[..., Attention]] = {
    "local_m": partial(Composed, score=partial(LocalM, content=Dot, half_width=1), selection=Softmax),
    "local_p": partial(Composed, score=partial(LocalP, content=Dot, half_width=1), selection=Softmax),
    "damped": partial(Damped, score=Dot, selection=Softmax, half_width=1),
}


@pytest.fixture(params=WINDOWS)
def window(request: pytest.FixtureRequest) -> Callable[..., Attention]:
    return WINDOWS[request.param]


def flat(score: Callable[..., Score]) -> Attention:
    """An attention whose content scores are all the same."""
    return Composed(4, 6, score=partial(score, content=NoScore), selection=Softmax).double()


def asked(queries: int, memory: int) -> Inputs:
    torch.manual_seed(3)
    sizes = ((1, queries, 4), (1, memory, 6), (1, memory, 3))
    return Inputs(*(torch.randn(size).double() for size in sizes), torch.ones(1, 1, memory, dtype=torch.bool))


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize("message", REFUSED)
def test_wrong_option_is_refused_in_one_line(message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        REFUSED[message](4, 6)


def test_local_m_moves_on_by_one_and_stays_at_the_end() -> None:
    weights = attend(flat(partial(LocalM, half_width=1)), asked(queries=6, memory=4)).alignment.weights[0]
    third, half = 1 / 3, 1 / 2
    expected = [[half, half, 0, 0], [third, third, third, 0], [0, third, third, third], *[[0, 0, half, half]] * 3]
    torch.testing.assert_close(weights, torch.tensor(expected).double())


def test_local_m_goes_on_where_the_past_left_off() -> None:
    attention, inputs = flat(partial(LocalM, half_width=1)), asked(queries=1, memory=6)
    memory = attention.prepare(inputs.keys, inputs.values, inputs.mask)
    past = Past.none(torch.zeros(1, 6).double())._replace(asked=torch.tensor([3]))
    attended: Attended = attention(inputs.query, memory._replace(past=past))
    assert attended.alignment.weights[0, 0].nonzero().flatten().tolist() == [2, 3, 4]


def test_hidden_positions_might_as_well_not_be_there(window: Callable[..., Attention]) -> None:
    torch.manual_seed(0)
    attention, inputs = window(4, 6).double(), asked(queries=4, memory=7)
    kept = [1, 2, 4, 6]
    inputs.mask[..., [0, 3, 5]] = False
    whole = attend(attention, inputs)
    cropped = attend(
        attention, Inputs(inputs.query, inputs.keys[:, kept], inputs.values[:, kept], inputs.mask[..., kept])
    )
    torch.testing.assert_close(whole.context, cropped.context)
    torch.testing.assert_close(whole.alignment.weights[..., kept], cropped.alignment.weights)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_predicted_window_holds_a_position_wherever_it_lies(share: float) -> None:
    window = PredictedWindow(4, half_width=1).double()
    window.position.weight.data.fill_({0.0: -1e3, 0.5: 0.0, 1.0: 1e3}[share])
    window.hidden.weight.data.copy_(torch.eye(4))
    inputs = asked(queries=1, memory=5)
    near, log_gaussian = window(inputs.query.abs(), Memory(inputs.keys, inputs.values, inputs.mask))
    places = {0.0: [0, 1], 0.5: [2, 3], 1.0: [4]}[share]
    assert near.mask[0, 0].nonzero().flatten().tolist() == places
    expected = torch.tensor([-2 * (place - 5 * share) ** 2 for place in range(5)]).double()
    torch.testing.assert_close(log_gaussian[0, 0], expected)


def test_content_scores_see_the_window_as_a_mask() -> None:
    seen: list[Tensor] = []

    class Witness(NoScore):
        def forward(self, query: Tensor, memory: Memory) -> Tensor:
            seen.append(memory.mask)
            return super().forward(query, memory)

    for score in (LocalM, LocalP):
        attention = Composed(4, 6, score=partial(score, content=Witness, half_width=1), selection=Softmax).double()
        weights = attend(attention, asked(queries=1, memory=6)).alignment.weights
        assert torch.equal(seen[-1], weights > 0)
        assert 1 <= seen[-1].sum().item() <= 3


def test_gradient_reaches_the_predicted_position_through_the_gaussian_alone() -> None:
    attention = flat(partial(LocalP, half_width=2))
    attend(attention, asked(queries=2, memory=5)).context.sum().backward()
    assert isinstance(attention, Composed)
    assert {name for name, parameter in attention.named_parameters() if parameter.grad is not None} == {
        "score.window.hidden.weight",
        "score.window.position.weight",
    }
    assert all(bool(parameter.grad.any()) for parameter in attention.parameters() if parameter.grad is not None)


def test_paper_damps_what_the_score_renormalises() -> None:
    inputs = asked(queries=3, memory=9)
    paper = Damped(4, 6, score=partial(Dot, project="always"), selection=Softmax, half_width=3).double()
    score = Composed(
        4, 6, score=partial(LocalP, content=partial(Dot, project="always"), half_width=3), selection=Softmax
    ).double()
    renamed = {name.replace("score.query", "score.content.query"): value for name, value in paper.state_dict().items()}
    score.load_state_dict({name.replace("window.", "score.window."): value for name, value in renamed.items()})
    weights = attend(paper, inputs).alignment.weights
    sums = weights.sum(dim=-1, keepdim=True)
    assert bool(((sums > 0) & (sums < 1)).all())
    torch.testing.assert_close(weights / sums, attend(score, inputs).alignment.weights)


@pytest.mark.parametrize("local", [LocalM, LocalP])
def test_window_around_a_score_that_reads_the_past_reads_it_too(local: Callable[..., Score]) -> None:
    content = partial(Coverage, hidden_dim=8)
    attention = Composed(4, 6, score=partial(local, content=content, half_width=1), selection=Softmax).double()
    attended = attend(attention, asked(queries=3, memory=5))
    assert attended.past is not None
    torch.testing.assert_close(attended.past.total, attended.alignment.weights.sum(dim=1))
    law = LAWS["one_query_at_a_time_equals_all_at_once"]
    law(Subject(partial(Composed, score=partial(local, content=content, half_width=1), selection=Softmax)))


def test_a_window_wider_than_the_memory_changes_nothing() -> None:
    inputs, content = asked(queries=3, memory=5), partial(Coverage, hidden_dim=8)
    wide = Composed(4, 6, score=partial(LocalM, content=content), selection=Softmax).double()
    bare = Composed(4, 6, score=content, selection=Softmax).double()
    bare.load_state_dict({name.replace(".content", ""): value for name, value in wide.state_dict().items()})
    torch.testing.assert_close(attend(wide, inputs).context, attend(bare, inputs).context)


def test_coverage_looks_away_from_what_was_covered() -> None:
    score = Coverage(4, 6, hidden_dim=8).double()
    score.covered.weight.data.copy_(-10 * score.additive.energy.weight.T)
    inputs = asked(queries=4, memory=4)
    weights = attend(Composed(4, 6, score=lambda *_: score, selection=Softmax), inputs).alignment.weights[0]
    bare = attend(Composed(4, 6, score=lambda *_: score.additive, selection=Softmax), inputs).alignment.weights[0]
    assert weights.sum(dim=0).std() < bare.sum(dim=0).std() / 2


def test_total_history_is_read_as_last_would_be() -> None:
    torch.manual_seed(4)
    last, total = (LocationSensitive(4, 6, hidden_dim=8, width=3, history=one) for one in ("last", "total"))  # type: ignore[arg-type]
    total.load_state_dict(last.state_dict())
    query, keys, past = torch.randn(2, 1, 4), torch.randn(2, 5, 6), Past(torch.ones(2).long(), *torch.rand(2, 2, 5))
    memory = Memory(last.prepare(keys), keys, torch.ones(2, 1, 5, dtype=torch.bool), past)
    swapped = memory._replace(past=past._replace(last=past.total))
    assert torch.equal(total(query, memory), last(query, swapped))
    assert not torch.equal(total(query, memory), last(query, memory))


def test_location_cannot_reach_beyond_its_longest() -> None:
    attention = Composed(4, 6, score=partial(Location, longest=3), selection=Softmax).double()
    inputs = asked(queries=2, memory=5)
    assert bool((attend(attention, inputs).alignment.weights[..., 3:] == 0).all())
    inputs.mask[..., :3] = False
    assert not attend(attention, inputs).alignment.weights.any()


def test_feed_forward_and_location_read_one_side_alone() -> None:
    inputs = asked(queries=3, memory=5)
    others = inputs._replace(query=inputs.query + 1), inputs._replace(keys=inputs.keys + 1)
    for score, other in zip((FeedForward, partial(Location, longest=5)), others, strict=True):
        attention = Composed(4, 6, score=score, selection=Softmax).double()
        assert torch.equal(attend(attention, inputs).alignment.weights, attend(attention, other).alignment.weights)


def test_cosine_starts_at_its_sharpness_and_ignores_length() -> None:
    score = Cosine(6, 6, sharpness=7.0).double()
    query, keys = torch.randn(1, 2, 6).double(), torch.randn(1, 5, 6).double()
    mask = torch.ones(1, 1, 5, dtype=torch.bool)
    first = score(query, Memory(score.prepare(keys), keys, mask))
    torch.testing.assert_close(first, score(query * 9, Memory(score.prepare(keys * 0.01), keys, mask)))
    itself = score(query, Memory(score.prepare(query), query, mask[..., :2]))
    torch.testing.assert_close(itself.diagonal(dim1=1, dim2=2), torch.full((1, 2), 7.0).double(), rtol=1e-6, atol=0)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_cosine_of_nothing_is_nothing_and_passes_finite_gradients(dtype: torch.dtype) -> None:
    score = Cosine(6, 6).to(dtype)
    query, keys = (torch.zeros(1, n, 6, dtype=dtype, requires_grad=True) for n in (2, 5))
    scores = score(query, Memory(score.prepare(keys), keys, torch.ones(1, 1, 5, dtype=torch.bool)))
    assert not scores.any()
    scores.sum().backward()
    assert query.grad is not None
    assert bool(query.grad.isfinite().all())
    assert keys.grad is not None
    assert bool(keys.grad.isfinite().all())


def test_concat_starts_with_the_fan_in_of_both_sides() -> None:
    torch.manual_seed(5)
    largest = Concat(40, 60, hidden_dim=200).both.weight.abs().max().item()
    assert 0.095 < largest <= 0.1  # 1 / √(40 + 60), where additive's two matrices start within 1 / √40 and 1 / √60


@pytest.mark.parametrize("score", [Concat, Coverage, LocationSensitive])
def test_lean_kernel_gives_what_the_plain_one_gives(score: Callable[..., Score]) -> None:
    inputs = asked(queries=3, memory=9)
    inputs.mask[..., -2:] = False
    plain, lean = (
        Composed(4, 6, score=partial(score, hidden_dim=16, kernel=kernel), selection=Softmax).double()
        for kernel in ("plain", "lean")
    )
    lean.load_state_dict(plain.state_dict())
    torch.testing.assert_close(attend(lean, inputs).context, attend(plain, inputs).context)


def test_lean_kernel_inside_a_window_skips_what_lies_outside() -> None:
    inputs = asked(queries=3, memory=40)
    contents = [partial(Additive, hidden_dim=16, kernel=kernel) for kernel in ("plain", "lean")]
    plain, lean = (
        Composed(4, 6, score=partial(LocalP, content=content, half_width=2), selection=Softmax).double()
        for content in contents
    )
    lean.load_state_dict(plain.state_dict())
    torch.testing.assert_close(attend(lean, inputs).context, attend(plain, inputs).context)


def test_far_window_lies_in_bfloat16_where_it_lies_in_float64() -> None:
    torch.manual_seed(6)
    window = PredictedWindow(4, half_width=10).bfloat16()
    window.position.weight.data.zero_()  # p is exactly in the middle, at 1001: bfloat16 knows 1000 and 1008 alone
    keys = torch.zeros(1, 2002, 1)
    memory = Memory(keys, keys, torch.ones(1, 1, 2002, dtype=torch.bool))
    near, _ = window(torch.randn(1, 1, 4).bfloat16(), memory)
    assert near.mask[0, 0].nonzero().flatten().tolist() == list(range(991, 1012))
