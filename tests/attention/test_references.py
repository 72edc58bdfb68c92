"""Every mechanism against a plain one of its own: loops over numbers, in float64."""

import math
from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from attnbench.attention import Alignment, Attended, AttentionFactory, Score
from attnbench.attention.score.additive import Additive
from attnbench.attention.score.dot import Dot
from attnbench.attention.score.general import General
from attnbench.attention.score.scaled_dot import ScaledDot
from attnbench.attention.selection.hard import Hard

Row = list[float]
QUERY_DIM, KEY_DIM = 4, 6


def product(left: Sequence[float], right: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(left, right, strict=True))


def times(matrix: Tensor, vector: Sequence[float]) -> Row:
    return [product(row, vector) for row in matrix.tolist()]


def additive(score: Score, query: Row, key: Row) -> float:
    assert isinstance(score, Additive)
    hidden = [
        math.tanh(a + b) for a, b in zip(times(score.query.weight, query), times(score.key.weight, key), strict=True)
    ]
    return product(score.energy.weight[0].tolist(), hidden)


def dot(score: Score, query: Row, key: Row) -> float:
    assert isinstance(score, Dot | ScaledDot | General)
    return product(times(score.query.weight, query) if isinstance(score.query, torch.nn.Linear) else query, key)


def scaled_dot(score: Score, query: Row, key: Row) -> float:
    return dot(score, query, key) / math.sqrt(len(key))


def nothing(score: Score, query: Row, key: Row) -> float:
    return 0.0


def exponentials(scores: Row) -> Row:
    whole = math.fsum(math.exp(score) for score in scores)
    return [math.exp(score) / whole for score in scores]


def equal_shares(scores: Row) -> Row:
    return [1 / len(scores)] * len(scores)


def likeliest(scores: Row) -> Row:
    return [float(index == scores.index(max(scores))) for index in range(len(scores))]


SCORES: dict[str, Callable[[Score, Row, Row], float]] = {
    "additive": additive,
    "dot": dot,
    "scaled_dot": scaled_dot,
    "general": dot,
    "none": nothing,
}
SELECTIONS: dict[str, Callable[[Row], Row]] = {"softmax": exponentials, "hard": likeliest, "uniform": equal_shares}
PRESETS = {
    "additive_soft": ("additive", "softmax"),
    "additive_hard": ("additive", "hard"),
    "dot_soft": ("dot", "softmax"),
    "dot_hard": ("dot", "hard"),
    "uniform": ("none", "uniform"),
}


def test_every_config_has_a_reference(options: dict[str, list[str]]) -> None:
    assert options["attention"] == sorted(PRESETS)
    assert options["attention/score"] == sorted(SCORES)
    assert options["attention/selection"] == sorted(SELECTIONS)


@pytest.fixture(params=[KEY_DIM, QUERY_DIM], ids=["projected", "same_size"])
def question(request: pytest.FixtureRequest) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Query, keys, values and a mask that differs between examples and between queries."""
    torch.manual_seed(7)
    drawn = [torch.randn(size, dtype=torch.float64) for size in ((2, 3, QUERY_DIM), (2, 5, request.param), (2, 5, 2))]
    mask = torch.rand(2, 3, 5) < 0.6
    mask[0, 0], mask[1, 2] = False, True
    return drawn[0], drawn[1], drawn[2], mask


def parts(mechanism: object) -> tuple[str, str]:
    name = str(mechanism)
    return PRESETS[name] if name in PRESETS else (name.split("×")[0], name.split("×")[1])


def test_mechanism_is_its_plain_loop(
    mechanism: object, factory: AttentionFactory, question: tuple[Tensor, Tensor, Tensor, Tensor]
) -> None:
    query, keys, values, mask = question
    attention = factory(QUERY_DIM, keys.shape[-1]).double().eval()
    attended: Attended = attention(query, attention.prepare(keys, values, mask))
    assert isinstance(attention.score, Score)
    score_name, selection_name = parts(mechanism)
    score, selection = SCORES[score_name], SELECTIONS[selection_name]
    for example in range(2):
        for asked in range(3):
            seen = [position for position in range(5) if mask[example, asked, position]]
            scores = [score(attention.score, query[example, asked].tolist(), keys[example, p].tolist()) for p in seen]
            weights = [0.0] * 5
            for position, weight in zip(seen, selection(scores) if seen else [], strict=True):
                weights[position] = weight
            context = [product(weights, column) for column in values[example].T.tolist()]
            assert attended.alignment.weights[example, asked].tolist() == pytest.approx(weights, abs=1e-12)
            assert attended.context[example, asked].tolist() == pytest.approx(context, abs=1e-12)


def test_scaled_dot_softmax_is_torchs_own(question: tuple[Tensor, Tensor, Tensor, Tensor]) -> None:
    query, keys, values, mask = question
    mask[0, 0] = True  # torch's has its own answer to an empty row
    from attnbench.attention import Composed
    from attnbench.attention.selection.softmax import Softmax

    attention = Composed(QUERY_DIM, keys.shape[-1], score=ScaledDot, selection=Softmax).double()
    assert isinstance(attention.score, ScaledDot)
    expected = functional.scaled_dot_product_attention(attention.score.query(query), keys, values, attn_mask=mask)
    attended = attention(query, attention.prepare(keys, values, mask))
    torch.testing.assert_close(attended.context, expected, rtol=0, atol=1e-12)


def test_hard_agrees_with_torchs_categorical() -> None:
    torch.manual_seed(8)
    scores = torch.randn(2, 3, 5, dtype=torch.float64) * 3
    scores[:, :, 4] = -torch.inf
    alignment: Alignment = Hard().train()(scores)
    categorical = torch.distributions.Categorical(logits=scores[:, :, :4])
    assert alignment.log_prob is not None
    assert alignment.entropy is not None
    torch.testing.assert_close(alignment.log_prob, categorical.log_prob(alignment.weights.argmax(dim=-1)))
    torch.testing.assert_close(alignment.entropy, categorical.entropy())


def test_hard_draws_each_position_as_often_as_it_is_likely() -> None:
    torch.manual_seed(9)
    probabilities = torch.tensor([0.5, 0.25, 0.2, 0.05, 0.0], dtype=torch.float64)
    draws = 20_000
    alignment: Alignment = Hard().train()(probabilities.log().expand(draws, 1, 5))
    counts = alignment.weights.sum(dim=(0, 1))
    assert counts[4] == 0
    expected = probabilities[:4] * draws
    chi_square = ((counts[:4] - expected) ** 2 / expected).sum().item()
    assert chi_square < 16.3  # 3 degrees of freedom: passed once in a thousand


def test_hard_reckons_log_prob_and_entropy_of_bfloat16_scores_in_float32() -> None:
    torch.manual_seed(10)
    scores = (torch.randn(4, 3, 7) * 3).bfloat16()
    alignment: Alignment = Hard().train()(scores)
    exact = torch.distributions.Categorical(logits=scores.double())
    assert alignment.log_prob is not None
    assert alignment.entropy is not None
    chosen = exact.log_prob(alignment.weights.argmax(dim=-1))
    torch.testing.assert_close(alignment.log_prob.double(), chosen, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(alignment.entropy.double(), exact.entropy(), rtol=1e-5, atol=1e-5)


def test_hard_takes_the_likeliest_in_evaluation() -> None:
    scores = torch.tensor([[[0.0, 2.0, -torch.inf, 1.0], [3.0, 2.0, 2.9, -torch.inf]]])
    alignment: Alignment = Hard().eval()(scores)
    assert alignment.weights.argmax(dim=-1).tolist() == [[1, 0]]
    assert alignment.weights.sum().item() == 2
    assert alignment.log_prob is None


def test_hard_never_draws_what_is_masked_even_from_noise_that_underflows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.Tensor, "exponential_", torch.Tensor.zero_)
    log_probs = torch.tensor([[[-torch.inf, -0.5, -1.0]]])
    assert Hard.draw(log_probs).item() == 1
