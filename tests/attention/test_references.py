"""Every mechanism against a plain one of its own: loops over numbers, in float64."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from attnbench.attention import Alignment, Attended, AttentionFactory, Score
from attnbench.attention.damped import Damped
from attnbench.attention.score.additive import Additive
from attnbench.attention.score.concat import Concat
from attnbench.attention.score.cosine import Cosine
from attnbench.attention.score.coverage import Coverage
from attnbench.attention.score.dot import Dot
from attnbench.attention.score.feed_forward import FeedForward
from attnbench.attention.score.general import General
from attnbench.attention.score.local_m import LocalM
from attnbench.attention.score.local_p import LocalP
from attnbench.attention.score.location import Location
from attnbench.attention.score.location_sensitive import LocationSensitive
from attnbench.attention.score.scaled_dot import ScaledDot
from attnbench.attention.score.window import PredictedWindow
from attnbench.attention.selection.hard import Hard

Row = list[float]
QUERY_DIM, KEY_DIM = 4, 6


def product(left: Sequence[float], right: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(left, right, strict=True))


def times(matrix: Tensor, vector: Sequence[float]) -> Row:
    return [product(row, vector) for row in matrix.tolist()]


def additive(score: Score, query: Row, key: Row, shift: Row | None = None) -> float:
    assert isinstance(score, Additive)
    sides = times(score.query.weight, query), times(score.key.weight, key)
    hidden = [math.tanh(sum(numbers)) for numbers in zip(*sides, shift or [0.0] * len(sides[0]), strict=True)]
    return product(score.energy.weight[0].tolist(), hidden)


def concat(score: Score, query: Row, key: Row) -> float:
    assert isinstance(score, Concat)
    hidden = [math.tanh(number) for number in times(score.both.weight, [*query, *key])]
    return product(score.energy.weight[0].tolist(), hidden)


def dot(score: Score, query: Row, key: Row) -> float:
    assert isinstance(score, Dot | ScaledDot | General | Cosine)
    return product(times(score.query.weight, query) if isinstance(score.query, torch.nn.Linear) else query, key)


def scaled_dot(score: Score, query: Row, key: Row) -> float:
    return dot(score, query, key) / math.sqrt(len(key))


def cosine(score: Score, query: Row, key: Row) -> float:
    assert isinstance(score, Cosine)
    asked = times(score.query.weight, query) if isinstance(score.query, torch.nn.Linear) else query
    return product(asked, key) / (math.hypot(*asked) * math.hypot(*key)) * math.exp(score.log_sharpness.item())


def feed_forward(score: Score, query: Row, key: Row) -> float:
    assert isinstance(score, FeedForward)
    return math.tanh(product(score.key.weight[0].tolist(), key) + score.key.bias.item())


def nothing(score: Score, query: Row, key: Row) -> float:
    return 0.0


class Asked(NamedTuple):
    """What a score may read when a query is asked."""

    query: Row
    keys: list[Row]  # of all positions
    seen: list[int]  # the positions that may be looked at
    before: int  # how many queries were asked before
    last: Row
    total: Row


def location(score: Score, asked: Asked) -> Row:
    assert isinstance(score, Location)
    learned = score.position.weight.tolist()
    return [product(learned[p], asked.query) if p < len(learned) else -math.inf for p in asked.seen]


def coverage(score: Score, asked: Asked) -> Row:
    assert isinstance(score, Coverage)
    factor, bias = score.covered.weight[:, 0].tolist(), score.covered.bias.tolist()
    shifts = [[w * covered + b for w, b in zip(factor, bias, strict=True)] for covered in asked.total]
    return [additive(score.additive, asked.query, asked.keys[p], shifts[p]) for p in asked.seen]


def location_sensitive(score: Score, asked: Asked) -> Row:
    assert isinstance(score, LocationSensitive)
    filters, bias = score.filters.weight[:, 0].tolist(), score.features.bias.tolist()
    half = len(filters[0]) // 2

    def shift(position: int) -> Row:
        around = range(position - half, position + half + 1)
        looked = [asked.last[p] if 0 <= p < len(asked.last) else 0.0 for p in around]
        features = [product(one, looked) for one in filters]
        return [f + b for f, b in zip(times(score.features.weight, features), bias, strict=True)]

    return [additive(score.additive, asked.query, asked.keys[p], shift(p)) for p in asked.seen]


def local_m(score: Score, asked: Asked) -> Row:
    assert isinstance(score, LocalM)
    centre = min(asked.before, len(asked.seen) - 1)
    near = [abs(place - centre) <= score.half_width for place in range(len(asked.seen))]
    content = [dot(score.content, asked.query, asked.keys[p]) for p in asked.seen]
    return [number if inside else -math.inf for number, inside in zip(content, near, strict=True)]


def log_gaussian(window: object, asked: Asked) -> Row:
    """Of the distance to where the query points, for each position that may be looked at; -inf outside the window."""
    assert isinstance(window, PredictedWindow)
    hidden = [math.tanh(number) for number in times(window.hidden.weight, asked.query)]
    share = 1 / (1 + math.exp(-product(window.position.weight[0].tolist(), hidden)))
    distances = [place - len(asked.seen) * share for place in range(len(asked.seen))]
    deviation = window.half_width / 2
    return [-(d**2) / (2 * deviation**2) if abs(d) <= window.half_width else -math.inf for d in distances]


def local_p(score: Score, asked: Asked) -> Row:
    assert isinstance(score, LocalP)
    content = [dot(score.content, asked.query, asked.keys[p]) for p in asked.seen]
    return [number + log for number, log in zip(content, log_gaussian(score.window, asked), strict=True)]


def exponentials(scores: Row) -> Row:
    whole = math.fsum(math.exp(score) for score in scores)
    return [math.exp(score) / whole for score in scores]


def equal_shares(scores: Row) -> Row:
    return [1 / len(scores)] * len(scores)


def likeliest(scores: Row) -> Row:
    return [float(index == scores.index(max(scores))) for index in range(len(scores))]


def threshold(shares: Callable[[float], Row], low: float, high: float) -> Row:
    """The shares at the threshold where they sum to 1, between one where they sum to more and one where to less."""
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if sum(shares(middle)) > 1 else (low, middle)
    return shares(low)


def projected_on_the_simplex(scores: Row) -> Row:
    return threshold(lambda tau: [max(score - tau, 0) for score in scores], max(scores) - 1, max(scores))


def squares_above_a_threshold(scores: Row) -> Row:
    halves = [score / 2 for score in scores]
    return threshold(lambda tau: [max(half - tau, 0) ** 2 for half in halves], max(halves) - 1, max(halves))


def two_best(scores: Row) -> Row:
    kept = sorted(scores)[-2:]
    whole = math.fsum(math.exp(score) for score in kept)
    return [math.exp(score) / whole if score in kept else 0.0 for score in scores]


def first_good_one(scores: Row, standing: int | None) -> tuple[Row, int | None]:
    """Reads on from where the head stands to the first score of at least -0.2; None: it ran off the end."""
    stop = standing
    while stop is not None and not scores[stop] + 0.2 >= 0:
        stop = stop + 1 if stop + 1 < len(scores) else None
    return [float(position == stop) for position in range(len(scores))], stop


def two_up_to_the_first_good_one(scores: Row, standing: int | None) -> tuple[Row, int | None]:
    _, stop = first_good_one(scores, standing)
    if stop is None:
        return [0.0] * len(scores), None
    chunk = range(max(stop - 1, 0), stop + 1)
    whole = math.fsum(math.exp(scores[position]) for position in chunk)
    return [math.exp(score) / whole if place in chunk else 0.0 for place, score in enumerate(scores)], stop


# From one query and one key.
SCORES: dict[str, Callable[[Score, Row, Row], float]] = {
    "additive": additive,
    "concat": concat,
    "cosine": cosine,
    "feed_forward": feed_forward,
    "dot": dot,
    "scaled_dot": scaled_dot,
    "general": dot,
    "none": nothing,
}
# From all that may be read: the scores of what may be seen, -inf where out of reach.
IN_CONTEXT: dict[str, Callable[[Score, Asked], Row]] = {
    "coverage": coverage,
    "local_m": local_m,
    "local_p": local_p,
    "location": location,
    "location_sensitive": location_sensitive,
}
# From the scores of what may be seen.
SELECTIONS: dict[str, Callable[[Row], Row]] = {
    "softmax": exponentials,
    "hard": likeliest,
    "uniform": equal_shares,
    "sparsemax": projected_on_the_simplex,
    "entmax15": squares_above_a_threshold,
    "gumbel_relaxed": exponentials,
    "gumbel_straight_through": likeliest,
    "top_k": two_best,
}
# From the scores of all positions, -inf where hidden, and the place that the query before left.
IN_ORDER: dict[str, Callable[[Row, int | None], tuple[Row, int | None]]] = {
    "monotonic": first_good_one,
    "chunkwise": two_up_to_the_first_good_one,
}
PRESETS = {
    "additive_soft": ("additive", "softmax"),
    "additive_hard": ("additive", "hard"),
    "dot_soft": ("dot", "softmax"),
    "dot_hard": ("dot", "hard"),
    "general_hard": ("general", "hard"),
    "uniform": ("none", "uniform"),
    "additive_sparsemax": ("additive", "sparsemax"),
    "additive_entmax15": ("additive", "entmax15"),
    "additive_top_k": ("additive", "top_k"),
    "additive_gumbel": ("additive", "gumbel_straight_through"),
    "cosine_soft": ("cosine", "softmax"),
    "coverage": ("coverage", "softmax"),
    "feed_forward": ("feed_forward", "softmax"),
    "location_sensitive": ("location_sensitive", "softmax"),
    "luong_concat": ("concat", "softmax"),
    "luong_general": ("general", "softmax"),
    "luong_local_m": ("local_m", "softmax"),
    "luong_location": ("location", "softmax"),
    "mocha": ("additive", "chunkwise"),
    "monotonic": ("additive", "monotonic"),
    "luong_local_p": ("general", "softmax"),
    "show_attend_tell_hard": ("additive", "softmax"),  # which is what it does in evaluation
}


ALIASES = {
    "attentive_reader": "additive_soft",
    "bahdanau": "additive_soft",
    "luong_dot": "dot_soft",
    "show_attend_tell_soft": "additive_soft",
    "stanford_reader": "luong_general",
}


def test_other_names_are_the_same_mechanism(preset_configs: dict[str, object]) -> None:
    for name, config in preset_configs.items():
        same = {other for other, found in preset_configs.items() if found == config}
        assert same == {
            name,
            ALIASES.get(name, name),
            *(a for a, b in ALIASES.items() if b in (name, ALIASES.get(name))),
        }


def test_every_config_has_a_reference(options: dict[str, list[str]]) -> None:
    by_heads = "transformer"  # held against torch's own
    assert options["attention"] == sorted([*PRESETS, *ALIASES, by_heads])
    assert options["attention/score"] == sorted([*SCORES, *IN_CONTEXT])
    assert options["attention/selection"] == sorted([*SELECTIONS, *IN_ORDER])


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


def scored(name: str, score: Score, asked: Asked) -> Row:
    """The scores of all positions, -inf where one may not look."""
    pairwise = SCORES.get(name)
    numbers = (
        [pairwise(score, asked.query, asked.keys[p]) for p in asked.seen]
        if pairwise
        else IN_CONTEXT[name](score, asked)
    )
    found = dict(zip(asked.seen, numbers, strict=True))
    return [found.get(position, -math.inf) for position in range(len(asked.keys))]


def selected(name: str, scores: Row, standing: int | None) -> tuple[Row, int | None]:
    """The weights of all positions, and the place that the query leaves to the next."""
    if name in IN_ORDER:
        return IN_ORDER[name](scores, standing)
    reached = [position for position, score in enumerate(scores) if score > -math.inf]
    weights = SELECTIONS[name]([scores[position] for position in reached]) if reached else []
    found = dict(zip(reached, weights, strict=True))
    return [found.get(position, 0.0) for position in range(len(scores))], standing


def damped(attention: object, asked: Asked) -> Row:
    """What is left of a weight at every position."""
    if not isinstance(attention, Damped):
        return [1.0] * len(asked.keys)
    left = dict(zip(asked.seen, map(math.exp, log_gaussian(attention.window, asked)), strict=True))
    return [left.get(position, 0.0) for position in range(len(asked.keys))]


def test_mechanism_is_its_plain_loop(
    mechanism: object, factory: AttentionFactory, question: tuple[Tensor, Tensor, Tensor, Tensor]
) -> None:
    query, keys, values, mask = question
    attention = factory(QUERY_DIM, keys.shape[-1]).double().eval()
    attended: Attended = attention(query, attention.prepare(keys, values, mask))
    assert isinstance(attention.score, Score)
    score_name, selection_name = parts(mechanism)
    for example in range(2):
        standing: int | None = 0
        last, total = [0.0] * 5, [0.0] * 5
        for count in range(3):
            seen = [position for position in range(5) if mask[example, count, position]]
            asked = Asked(query[example, count].tolist(), keys[example].tolist(), seen, count, last, total)
            left = damped(attention, asked)
            scores = [
                score if share else -math.inf
                for score, share in zip(scored(score_name, attention.score, asked), left, strict=True)
            ]
            weights, standing = selected(selection_name, scores, standing)
            weights = [weight * share for weight, share in zip(weights, left, strict=True)]
            last = [float(position == standing) for position in range(5)] if selection_name in IN_ORDER else weights
            total = [before + weight for before, weight in zip(total, weights, strict=True)]
            context = [product(weights, column) for column in values[example].T.tolist()]
            assert attended.alignment.weights[example, count].tolist() == pytest.approx(weights, abs=1e-12)
            assert attended.context[example, count].tolist() == pytest.approx(context, abs=1e-12)


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
