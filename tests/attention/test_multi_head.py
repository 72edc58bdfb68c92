"""Heads: torch's own with the same parameters, each head's part in what is returned, and what is refused."""

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from hydra import compose
from hydra.utils import instantiate
from torch import Tensor, nn

from attnbench.attention import Attended, Attention, Composed
from attnbench.attention.multi_head import MultiHead, composed_heads
from attnbench.attention.score.additive import Additive
from attnbench.attention.score.coverage import Coverage
from attnbench.attention.score.dot import Dot
from attnbench.attention.score.feed_forward import FeedForward
from attnbench.attention.score.location import Location
from attnbench.attention.score.none import NoScore
from attnbench.attention.score.scaled_dot import ScaledDot
from attnbench.attention.selection.chunkwise import Chunkwise
from attnbench.attention.selection.hard import Hard
from attnbench.attention.selection.monotonic import Monotonic
from attnbench.attention.selection.softmax import Softmax
from attnbench.attention.selection.uniform import Uniform
from attnbench.tasks.testing import check_attention

BATCH, QUERIES, MEMORY, SIZE, HEADS = 3, 4, 6, 8, 2
additive = partial(Additive, hidden_dim=5)


def heads_of(score: Any, selection: Any = Softmax, *, heads: int = HEADS, **options: Any) -> MultiHead:
    torch.manual_seed(1)
    return composed_heads(SIZE, SIZE, heads=heads, score=score, selection=selection, **options).double()


def torchs(attention: MultiHead) -> nn.MultiheadAttention:
    """torch's own, with the attention's parameters."""
    other = nn.MultiheadAttention(SIZE, HEADS, batch_first=True).double()
    with torch.no_grad():
        for name in ("weight", "bias"):
            parts = [getattr(linear, name) for linear in (attention.query, attention.key, attention.value)]
            getattr(other, f"in_proj_{name}").copy_(torch.cat(parts))
            getattr(other.out_proj, name).copy_(getattr(attention.output, name))
    return other


def warmed(attention: MultiHead) -> MultiHead:
    """With biases that are not 0."""
    for name, parameter in attention.named_parameters():
        if name.endswith("bias"):
            nn.init.normal_(parameter)
    return attention


def question(mask: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    torch.manual_seed(2)
    sizes = ((BATCH, QUERIES, SIZE), (BATCH, MEMORY, SIZE), (BATCH, MEMORY, SIZE))
    query, keys, values = (torch.randn(size, dtype=torch.float64, requires_grad=True) for size in sizes)
    return query, keys, values, torch.ones(BATCH, 1, MEMORY, dtype=torch.bool) if mask is None else mask


def padded() -> Tensor:
    mask = torch.rand(BATCH, 1, MEMORY, generator=torch.Generator().manual_seed(3)) < 0.6
    mask[..., 1] = True
    return mask


def for_each_query() -> Tensor:
    mask = torch.rand(QUERIES, MEMORY, generator=torch.Generator().manual_seed(4)) < 0.5
    mask[:, 2] = True
    return mask.expand(BATCH, -1, -1)


MASKS: dict[str, Callable[[], Tensor | None]] = {"none": lambda: None, "padding": padded, "queries": for_each_query}


def own(attention: MultiHead, asked: tuple[Tensor, ...], weights: bool) -> tuple[Tensor, Tensor | None]:
    query, keys, values, mask = asked
    memory = attention.prepare(keys, values, mask)
    if not weights:
        return attention.context(query, memory), None
    attended: Attended = attention(query, memory)
    return attended.context, attended.alignment.weights


@pytest.mark.parametrize("weights", [True, False])
@pytest.mark.parametrize("masked", MASKS)
def test_heads_of_scaled_dot_and_softmax_are_torchs_own(masked: str, weights: bool) -> None:
    attention = warmed(heads_of(ScaledDot))
    other, mask = torchs(attention), MASKS[masked]()
    context, shown = own(attention, asked := question(mask), weights)
    query, keys, values, _ = again = question(mask)
    options: dict[str, Any] = {}
    if masked == "padding":
        assert mask is not None
        options["key_padding_mask"] = ~mask.squeeze(1)
    if masked == "queries":
        assert mask is not None
        options["attn_mask"] = ~mask[0]
    expected, mean = other(query, keys, values, need_weights=weights, **options)
    torch.testing.assert_close(context, expected, rtol=0, atol=1e-12)
    if weights:
        torch.testing.assert_close(shown, mean, rtol=0, atol=1e-12)
    factors = torch.randn_like(expected)
    (context * factors).sum().backward()
    (expected * factors).sum().backward()
    for leaf, its in zip(asked[:3], again[:3], strict=True):
        torch.testing.assert_close(leaf.grad, its.grad, rtol=0, atol=1e-11)
    parts = (attention.query, attention.key, attention.value)
    torch.testing.assert_close(torch.cat([part.weight.grad for part in parts]), other.in_proj_weight.grad)
    torch.testing.assert_close(attention.output.bias.grad, other.out_proj.bias.grad)


def test_heads_start_like_torchs() -> None:
    torch.manual_seed(5)
    attention = MultiHead(64, 64, heads=4, attention=partial(Composed, score=ScaledDot, selection=Softmax))
    other = nn.MultiheadAttention(64, 4, kdim=63)  # of another size, so that each projection is drawn by itself
    for mine, its in ((attention.query.weight, other.q_proj_weight), (attention.output.weight, other.out_proj.weight)):
        assert mine.std().item() == pytest.approx(its.std().item(), rel=0.05)
    assert not any(parameter.any() for name, parameter in attention.named_parameters() if name.endswith("bias"))


@pytest.mark.parametrize("weights", [True, False])
def test_a_query_that_looks_nowhere_finds_nothing_and_passes_finite_gradients(weights: bool) -> None:
    mask = for_each_query().clone()
    mask[0], mask[1, 2] = False, False
    for score in (ScaledDot, additive):
        attention = warmed(heads_of(score))
        asked = question(mask)
        context, _ = own(attention, asked, weights)
        assert not context[0].any()
        assert not context[1, 2].any()
        assert bool(context[1, 1].any())
        context.square().sum().backward()
        for leaf in asked[:3]:
            assert leaf.grad is not None
            assert bool(leaf.grad.isfinite().all())
            assert not leaf.grad[0].any()


def by_hand(attention: MultiHead, asked: tuple[Tensor, ...]) -> list[Attended]:
    """What each head finds, asked by itself on its share of the projections."""
    query, keys, values, mask = asked
    found = []
    for number, inner in enumerate(attention.attentions()):
        size = attention.query.out_features // attention.heads
        share = slice(number * size, (number + 1) * size)
        memory = inner.prepare(attention.key(keys)[..., share], attention.value(values)[..., share], mask)
        found.append(inner(attention.query(query)[..., share], memory))
    return found


@pytest.mark.parametrize("score", [Dot, additive, partial(Coverage, hidden_dim=5)])
@pytest.mark.parametrize("selection", [Softmax, Hard])
@pytest.mark.parametrize("head_dim", [None, 3])
def test_heads_are_attentions_side_by_side(score: Any, selection: Any, head_dim: int | None) -> None:
    attention = warmed(heads_of(score, selection, heads=4, head_dim=head_dim)).eval()
    asked = question(padded())
    attended: Attended = attention(asked[0], attention.prepare(*asked[1:]))
    found = by_hand(attention, asked)
    joined = torch.cat([one.context for one in found], dim=-1)
    torch.testing.assert_close(attended.context, attention.output(joined), rtol=0, atol=1e-12)
    mean = torch.stack([one.alignment.weights for one in found]).mean(dim=0)
    torch.testing.assert_close(attended.alignment.weights, mean, rtol=0, atol=1e-12)
    if selection is Hard:
        entropy = torch.stack([kept(one.alignment.entropy) for one in found]).sum(dim=0)
        torch.testing.assert_close(kept(attended.alignment.entropy), entropy, rtol=0, atol=1e-12)
    assert (attended.past is None) == (found[0].past is None)
    if attended.past is not None:
        assert attended.past.total.shape == (BATCH, 4, MEMORY)
        totals = torch.stack([one.past.total for one in found if one.past is not None], dim=1)
        torch.testing.assert_close(attended.past.total, totals, rtol=0, atol=1e-12)


def kept(value: Tensor | None) -> Tensor:
    assert value is not None
    return value


@pytest.mark.parametrize("score", [Dot, additive])
def test_heads_draw_each_for_itself_and_log_prob_is_that_of_all_draws(score: Any) -> None:
    attention, draws = heads_of(score, Hard).train(), 20_000
    query, keys, values, _ = question()
    mask = torch.tensor([[[True, True, False, True]]])
    one = (query[:1, :1], keys[:1, :4], values[:1, :4], mask)
    logs = [one.log_prob for one in (head.alignment for head in by_hand(attention.eval(), one))]
    assert logs == [None, None]
    repeated = tuple(tensor.repeat(draws, 1, 1) for tensor in one)
    alignment = attention.train()(repeated[0], attention.prepare(*repeated[1:])).alignment
    soft = heads_of(score, Softmax)
    soft.load_state_dict(attention.state_dict())
    first, second = (head.alignment.weights[0, 0] for head in by_hand(soft, one))
    told = kept(alignment.log_prob).squeeze(1).exp()
    for left, right in itertools.combinations_with_replacement((0, 1, 3), 2):
        weights = torch.zeros(4, dtype=torch.float64)
        weights[left] += 0.5
        weights[right] += 0.5
        met = (alignment.weights.squeeze(1) == weights).all(dim=-1)
        orders = {(left, right), (right, left)}
        chances = [(first[a] * second[b]).item() for a, b in orders]
        error = (sum(chances) * (1 - sum(chances)) / draws) ** 0.5
        assert abs(met.double().mean().item() - sum(chances)) < 4.5 * error
        nearest = torch.stack([(told[met] - chance).abs() for chance in chances]).amin(dim=0)
        assert bool((nearest < 1e-9).all())
    assert not alignment.weights[..., 2].any()


def test_context_alone_falls_back_where_torchs_kernel_does_not_fit() -> None:
    scaled = ScaledDot(SIZE, SIZE, project="always")
    assert list(scaled.parameters())
    for inner in (
        partial(Composed, score=partial(ScaledDot, project="always"), selection=Softmax),
        partial(Composed, score=ScaledDot, selection=partial(Softmax, temperature=0.5)),
        partial(Composed, score=Dot, selection=Softmax),
    ):
        torch.manual_seed(1)
        attention = warmed(MultiHead(SIZE, SIZE, heads=HEADS, attention=inner).double())
        assert not attention.plain
        query, keys, values, mask = question(padded())
        memory = attention.prepare(keys, values, mask)
        torch.testing.assert_close(attention.context(query, memory), attention(query, memory).context)
    assert heads_of(ScaledDot).plain


def test_overrides_reach_the_heads(configured: Any) -> None:
    with configured():
        words = ["attention/score=additive", "attention/selection=hard", "attention.score.hidden_dim=3"]
        attention: Attention = instantiate(compose("attention/transformer", overrides=words).attention)(4, 8)
    assert isinstance(attention, MultiHead)
    inner = attention.attentions()[0]
    assert isinstance(inner, Composed)
    assert (type(inner.score), type(inner.selection), attention.heads) == (Additive, Hard, 4)


@pytest.mark.parametrize("selection", [Monotonic, partial(Chunkwise, width=2)])
def test_one_head_may_move_on(selection: Any) -> None:
    exceptions = (
        "weights_sum_to_one",
        "permuting_memory_permutes_weights",
        "context_is_the_weighted_mean_of_values",
    )
    factory = partial(composed_heads, heads=1, score=ScaledDot, selection=partial(selection, offset=0.2))
    check_attention(factory, key_dim=SIZE, value_dim=SIZE, except_for=exceptions)


REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "no heads": (partial(heads_of, ScaledDot, heads=0), "heads=0: must be at least 1"),
    "uneven": (partial(heads_of, ScaledDot, heads=3), "heads=3: keys of size 8 do not divide evenly"),
    "empty": (partial(heads_of, ScaledDot, head_dim=0), "head_dim=0: must be at least 1"),
    "monotonic": (partial(heads_of, ScaledDot, Monotonic), "selection Monotonic cannot go with heads=2: each head"),
    "chunkwise": (
        partial(heads_of, ScaledDot, partial(Chunkwise, width=2)),
        "selection Chunkwise cannot go with heads=2: each head",
    ),
    "uniform": (partial(heads_of, NoScore, Uniform), "score NoScore cannot go with MultiHead"),
    "without keys": (partial(heads_of, Location), "score Location cannot go with MultiHead"),
    "without queries": (partial(heads_of, FeedForward, heads=1), "score FeedForward cannot go with MultiHead"),
    "of the inner attention": (partial(heads_of, NoScore, Hard), "selection=hard .* cannot go with score NoScore"),
}


@pytest.mark.parametrize("wrong", REFUSED)
def test_what_cannot_be_heads_is_refused_in_one_line(wrong: str) -> None:
    build, message = REFUSED[wrong]
    with pytest.raises(ValueError, match=message) as caught:
        build()
    assert "\n" not in str(caught.value)


def test_values_of_another_size_than_keys_are_refused_in_one_line() -> None:
    attention, (_, keys, values, mask) = heads_of(ScaledDot), question()
    with pytest.raises(ValueError, match=r"values of size 5: .* of the keys' size, which is 8") as caught:
        attention.prepare(keys, values[..., :5], mask)
    assert "\n" not in str(caught.value)
