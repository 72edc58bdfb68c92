"""The values that attention is told in, and what construction refuses."""

from collections.abc import Callable

import pytest
import torch
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from torch import Tensor

from attnbench.attention import Alignment, Composed, Memory, Past, Selection
from attnbench.attention.score.additive import Additive
from attnbench.attention.score.dot import Dot
from attnbench.attention.score.projection import Project
from attnbench.attention.score.scaled_dot import ScaledDot
from attnbench.attention.selection.softmax import Softmax


def one_line(error: BaseException) -> str:
    message = str(error)
    assert "\n" not in message
    return message


def test_refused_pair_says_what_goes_together(refused: object) -> None:
    with pytest.raises(ValueError, match="cannot go with score") as caught:
        refused.factory()(4, 6)  # type: ignore[attr-defined]
    assert "attention=uniform" in one_line(caught.value)


def test_refused_pairs_are_the_expected_ones(options: dict[str, list[str]], refused_names: list[str]) -> None:
    """What reads no scores takes no score; what chooses by scores takes any but none."""
    choosers = ["chunkwise", "gumbel_relaxed", "gumbel_straight_through", "hard", "monotonic", "top_k"]
    unread = [f"{score}×uniform" for score in options["attention/score"] if score != "none"]
    assert refused_names == sorted([*unread, *(f"none×{selection}" for selection in choosers)])


@pytest.mark.parametrize("name", ["hiden_dim", "size"])
def test_unknown_key_fails_when_the_attention_is_built(name: str) -> None:
    score = {"_target_": "attnbench.attention.score.additive.Additive", "_partial_": True, "hidden_dim": 3, name: 3}
    selection = {"_target_": "attnbench.attention.selection.softmax.Softmax", "_partial_": True}
    config = {
        "_target_": "attnbench.attention.composed.Composed",
        "_partial_": True,
        "score": score,
        "selection": selection,
    }
    with pytest.raises((TypeError, InstantiationException), match=name):
        instantiate(config)(4, 4)


def test_additive_refuses_an_empty_hidden_layer() -> None:
    with pytest.raises(ValueError, match="hidden_dim=0") as caught:
        Additive(4, 4, hidden_dim=0)
    assert "at least 1" in one_line(caught.value)


@pytest.mark.parametrize("score", [Dot, ScaledDot])
def test_dot_like_scores_bridge_sizes_by_one_rule(score: Callable[..., Dot | ScaledDot]) -> None:
    def parameters(query_dim: int, project: Project) -> int:
        return sum(parameter.numel() for parameter in score(query_dim, 6, project=project).parameters())

    assert parameters(6, "when_needed") == 0
    assert parameters(4, "when_needed") == 24
    assert parameters(6, "always") == 36
    assert parameters(6, "never") == 0
    with pytest.raises(ValueError, match=r"project=never: queries of size 4 .* keys of size 6"):
        parameters(4, "never")


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize("score", [Dot, ScaledDot])
def test_dot_like_scores_refuse_an_unknown_rule(score: Callable[..., Dot | ScaledDot]) -> None:
    with pytest.raises(ValueError, match="project=sometimes: must be one of when_needed, always, never") as caught:
        score(4, 6, project="sometimes")
    assert one_line(caught.value)


def test_composed_prepares_keys_once_and_leaves_values_alone() -> None:
    attention = Composed(
        4, 6, score=lambda query_dim, key_dim: Additive(query_dim, key_dim, hidden_dim=7), selection=Softmax
    )
    keys, values, mask = torch.randn(2, 5, 6), torch.randn(2, 5, 3), torch.ones(2, 1, 5, dtype=torch.bool)
    memory = attention.prepare(keys, values, mask)
    assert memory.keys.shape == (2, 5, 7)
    assert memory.values is values
    assert memory.mask is mask


class Witness(Selection):
    """Remembers the scores that it was given."""

    seen: Tensor

    def forward(self, scores: Tensor) -> Alignment:
        self.seen = scores
        return Alignment(torch.softmax(scores, dim=-1))


def test_a_selection_never_sees_a_row_without_a_finite_score() -> None:
    attention = Composed(4, 4, score=Dot, selection=Witness)
    mask = torch.tensor([[[False, False]], [[True, False]]])
    attention(torch.randn(2, 3, 4), attention.prepare(torch.randn(2, 2, 4), torch.randn(2, 2, 4), mask))
    assert isinstance(attention.selection, Witness)
    assert bool(attention.selection.seen.isfinite().any(dim=-1).all())
    assert bool((attention.selection.seen[1, :, 1] == -torch.inf).all())


def test_memory_select_repeats_and_reorders_rows() -> None:
    past = Past(torch.arange(3), torch.rand(3, 5), torch.rand(3, 5))
    memory = Memory(torch.randn(3, 5, 6), torch.randn(3, 5, 2), torch.rand(3, 1, 5) < 0.5, past)
    rows = [2, 0, 0]
    picked = memory.select(torch.tensor(rows))
    assert picked.past is not None
    for before, after in zip([*memory[:3], *past], [*picked[:3], *picked.past], strict=True):
        assert isinstance(before, Tensor)
        assert isinstance(after, Tensor)
        assert all(torch.equal(after[index], before[row]) for index, row in enumerate(rows))
    assert memory._replace(past=None).select(torch.tensor(rows)).past is None


def test_past_adds_up_what_was_looked_at() -> None:
    first, second = torch.tensor([[[0.25, 0.75]]]), torch.tensor([[[1.0, 0.0]]])
    past = Past.none(torch.zeros(1, 2)).after(Alignment(first))
    assert (past.asked.tolist(), past.last.tolist(), past.total.tolist()) == ([1], [[0.25, 0.75]], [[0.25, 0.75]])
    past = past.after(Alignment(second, ends=torch.tensor([[[0.0, 1.0]]])))
    assert (past.asked.tolist(), past.last.tolist(), past.total.tolist()) == ([2], [[0.0, 1.0]], [[1.25, 0.75]])


def test_keep_zeroes_all_of_a_query_and_nothing_of_the_others() -> None:
    alignment = Alignment(torch.rand(1, 3, 4) + 0.1, torch.tensor([[-1.0, -torch.inf, -2.0]]), torch.ones(1, 3))
    kept = alignment.keep(torch.tensor([[True, False, True]]))
    assert kept.log_prob is not None
    assert kept.entropy is not None
    assert torch.equal(kept.weights[:, [0, 2]], alignment.weights[:, [0, 2]])
    assert kept.weights[:, 1].tolist() == [[0.0] * 4]
    assert kept.log_prob.tolist() == [[-1.0, 0.0, -2.0]]
    assert kept.entropy.tolist() == [[1.0, 0.0, 1.0]]


def test_join_puts_steps_along_the_query_axis() -> None:
    steps = [Alignment(torch.full((2, 1, 3), float(n)), torch.full((2, 1), float(n))) for n in range(4)]
    joined = Alignment.join(steps)
    assert joined.weights[0, :, 0].tolist() == [0, 1, 2, 3]
    assert joined.log_prob is not None
    assert joined.log_prob.tolist() == [[0, 1, 2, 3]] * 2
    assert joined.entropy is None
