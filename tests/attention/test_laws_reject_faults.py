"""Each law is broken once on purpose: a law that lets its fault pass would hold nothing."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor, nn

from attnbench.attention import Alignment, Attended, AttentionFactory, Composed, Memory, Score, Selection
from attnbench.attention.score.additive import Additive
from attnbench.attention.score.general import General
from attnbench.attention.selection.hard import Hard
from attnbench.attention.selection.softmax import Softmax
from attnbench.tasks.testing import LAWS, Subject, check_attention

FAULTS: dict[str, AttentionFactory] = {}


def breaks(*laws: str) -> Callable[[type[nn.Module]], type[nn.Module]]:
    """Enters a faulty score, selection or attention as what the laws must reject."""

    def enter(fault: type[nn.Module]) -> type[nn.Module]:
        factory = partial(
            fault if issubclass(fault, Composed) else Composed,
            score=fault if issubclass(fault, Score) else General,
            selection=fault if issubclass(fault, Selection) else Softmax,
        )
        FAULTS.update(dict.fromkeys(laws, factory))
        return fault

    return enter


@breaks("masked_equals_cropped")
class MaskForgotten(Composed):
    def forward(self, query: Tensor, memory: Memory) -> Attended:
        return super().forward(query, memory._replace(mask=torch.ones_like(memory.mask)))


@breaks("masked_weights_are_zero", "nowhere_to_look_gives_zeros")
class MaskByLargeNumber(Composed):
    def forward(self, query: Tensor, memory: Memory) -> Attended:
        weights = torch.softmax(self.score(query, memory).masked_fill(~memory.mask, -30.0), dim=-1)
        return Attended(torch.bmm(weights, memory.values), Alignment(weights))


@breaks("masked_content_does_not_matter")
class MeanOfAllKeys(General):
    def forward(self, query: Tensor, memory: Memory) -> Tensor:
        return super().forward(query, memory) * torch.tanh(memory.keys.mean(dim=(1, 2)))[:, None, None]


@breaks("weights_sum_to_one", "weights_are_shares")
class Sigmoid(Selection):
    def forward(self, scores: Tensor) -> Alignment:
        return Alignment(torch.sigmoid(scores))


@breaks("masks_may_differ_between_queries")
class FirstMaskForAll(Composed):
    def forward(self, query: Tensor, memory: Memory) -> Attended:
        return super().forward(query, memory._replace(mask=memory.mask[:, :1]))


@breaks("one_query_at_a_time_equals_all_at_once")
class SoftmaxAfterMeanOfQueries(General):
    def forward(self, query: Tensor, memory: Memory) -> Tensor:
        return super().forward(query - query.mean(dim=1, keepdim=True), memory)


@breaks("permuting_memory_permutes_weights")
class Position(General):
    def forward(self, query: Tensor, memory: Memory) -> Tensor:
        return super().forward(query, memory) + torch.arange(memory.keys.shape[1]).to(query)


@breaks("context_is_the_weighted_mean_of_values")
class DroppedWeights(Composed):
    def forward(self, query: Tensor, memory: Memory) -> Attended:
        alignment = super().forward(query, memory).alignment
        weights = nn.functional.dropout(alignment.weights, 0.5, self.training)
        return Attended(torch.bmm(weights, memory.values), alignment)


@breaks("selected_rows_answer_alike")
class KeysKeptOnSelf(General):
    def prepare(self, keys: Tensor) -> Tensor:
        self.keys = keys
        return keys

    def forward(self, query: Tensor, memory: Memory) -> Tensor:
        return super().forward(query, memory._replace(keys=self.keys[: len(query)].repeat(2, 1, 1)[: len(query)]))


@breaks("answering_leaves_no_trace")
class RunningMean(General):
    def __init__(self, query_dim: int, key_dim: int) -> None:
        super().__init__(query_dim, key_dim)
        self.register_buffer("mean", torch.zeros(query_dim))
        self.mean: Tensor

    def forward(self, query: Tensor, memory: Memory) -> Tensor:
        self.mean.lerp_(query.detach().mean(dim=(0, 1)).to(self.mean), 0.1)
        return super().forward(query - self.mean, memory)


@breaks("gradients_are_exact")
class HalfDetached(Selection):
    def forward(self, scores: Tensor) -> Alignment:
        scores = (scores + scores.masked_fill(scores == -torch.inf, 0.0).detach()) / 2
        return Alignment(torch.softmax(scores, dim=-1))


@breaks("empty_rows_have_finite_gradients")
class NotANumberReplaced(Composed):
    def forward(self, query: Tensor, memory: Memory) -> Attended:
        hidden = torch.zeros(memory.mask.shape).to(query).masked_fill(~memory.mask, -torch.inf)
        weights = torch.softmax(self.score(query, memory) + hidden, dim=-1).nan_to_num(0.0)
        return Attended(torch.bmm(weights, memory.values), Alignment(weights))


@breaks("every_parameter_learns")
class ProjectionNeverUsed(General):
    def __init__(self, query_dim: int, key_dim: int) -> None:
        super().__init__(query_dim, key_dim)
        self.unused = nn.Linear(2, 2)


@breaks("draws_pass_gradient_through_log_prob_alone")
class StraightThrough(Hard):
    def forward(self, scores: Tensor) -> Alignment:
        alignment = super().forward(scores)
        soft = torch.softmax(scores, dim=-1)
        return alignment._replace(weights=alignment.weights + soft - soft.detach())


@breaks("evaluation_draws_nothing")
class DrawsAlways(Hard):
    def forward(self, scores: Tensor) -> Alignment:
        self.training = True
        return super().forward(scores)


@breaks("draws_follow_log_prob")
class TooHot(Hard):
    def forward(self, scores: Tensor) -> Alignment:
        drawn, told = super().forward(scores / 1.5), torch.log_softmax(scores, dim=-1)
        return drawn._replace(log_prob=told.gather(-1, drawn.weights.argmax(-1, keepdim=True)).squeeze(-1))


@breaks("queries_draw_independently")
class OneNoiseForAllQueries(Hard):
    @staticmethod
    def draw(log_probs: Tensor) -> Tensor:
        noise = -torch.empty_like(log_probs[:, :1]).exponential_().log()
        return (log_probs.detach() + noise).argmax(dim=-1)


@breaks("bfloat16_stays_close", "autocast_stays_close")
class LargeNumbersInBetween(General):
    def forward(self, query: Tensor, memory: Memory) -> Tensor:
        return super().forward(query, memory) + 500.0 - 500.0


@breaks("context_alone_is_the_same")
class ContextWithoutMask(Composed):
    def context(self, query: Tensor, memory: Memory) -> Tensor:
        return self(query, memory._replace(mask=torch.ones_like(memory.mask))).context


SHARED = Additive(4, 6, hidden_dim=3)
FAULTS["builds_share_nothing"] = partial(Composed, score=lambda query_dim, key_dim: SHARED, selection=Softmax)


def test_every_law_has_a_fault() -> None:
    assert set(FAULTS) == set(LAWS)


@pytest.mark.parametrize("law", FAULTS)
def test_law_rejects_its_fault(law: str) -> None:
    with pytest.raises(AssertionError) as caught:
        LAWS[law](Subject(FAULTS[law]))
    assert "\n" not in str(caught.value)


def test_check_attention_names_the_law_that_is_broken() -> None:
    with pytest.raises(AssertionError, match="permuting_memory_permutes_weights: the weights"):
        check_attention(FAULTS["permuting_memory_permutes_weights"])


def test_check_attention_leaves_out_what_does_not_apply() -> None:
    leaves_out = ("permuting_memory_permutes_weights", "bfloat16_stays_close", "autocast_stays_close")
    check_attention(FAULTS["permuting_memory_permutes_weights"], except_for=leaves_out)
    with pytest.raises(ValueError, match="no such laws; there are masked_equals_cropped"):
        check_attention(FAULTS["permuting_memory_permutes_weights"], except_for=["permuting"])


@pytest.mark.parametrize("sizes", [(4, 6), (5, 5)])
def test_check_attention_accepts_a_mechanism_that_holds(sizes: tuple[int, int]) -> None:
    before = torch.get_rng_state()
    check_attention(partial(Composed, score=General, selection=Hard), query_dim=sizes[0], key_dim=sizes[1])
    assert torch.equal(torch.get_rng_state(), before)
