"""Paired differences: laws, references, and when a verdict may be given."""

import itertools

import numpy as np
import pytest
from scipy import stats

from attnbench.benchmarks.statistics.cochran import Errors, half_width, two_sided
from attnbench.benchmarks.statistics.corpus import mean_of
from attnbench.benchmarks.statistics.difference import difference, shared_variance
from attnbench.benchmarks.statistics.effect import chance_above, hedges_g
from attnbench.benchmarks.statistics.holm import holm
from attnbench.benchmarks.statistics.pairs import Measured, pairs
from attnbench.benchmarks.statistics.simulated import World, drawn
from attnbench.benchmarks.statistics.student import mean_interval


def world(seeds: int = 3, mechanisms: int = 3, effect: float = 0.0) -> dict[str, Measured]:
    return drawn(World("mean", 0.25), np.random.default_rng(7), seeds, mechanisms=mechanisms, effect=effect)


def by_hand(*values: float) -> Measured:
    return Measured(dict(enumerate(values)), {})


def test_the_interval_of_a_mean_is_students():
    low, high = mean_interval([1.0, 2.0, 3.0])
    assert (low, high) == (pytest.approx(2 - 4.302653 / 3**0.5), pytest.approx(2 + 4.302653 / 3**0.5))
    assert mean_interval([1.0]) is None


def test_without_examples_a_difference_is_the_paired_t_test():
    first, second = [30.0, 31.5, 29.0, 33.0], [28.0, 31.0, 28.5, 30.0]
    found = difference([a - b for a, b in zip(first, second, strict=True)])
    expected = stats.ttest_rel(first, second)
    assert found.p == pytest.approx(expected.pvalue)
    assert tuple(found.interval) == pytest.approx(tuple(expected.confidence_interval()))


def test_one_seed_with_examples_is_the_t_test_over_examples():
    values = np.random.default_rng(0).normal(0.3, 1.0, 40)
    found = difference([float(values.mean())], values[None])
    expected = stats.ttest_1samp(values, 0.0)
    assert found.p == pytest.approx(expected.pvalue)
    assert tuple(found.interval) == pytest.approx(tuple(expected.confidence_interval()))
    assert found.seed_error is None


def test_one_seed_without_examples_tells_nothing_of_its_error():
    found = difference([1.0])
    assert (found.value, found.interval, found.p) == (1.0, None, None)


def test_the_shared_variance_is_the_mean_covariance_of_two_seeds():
    examples = np.random.default_rng(1).normal(0, 1, (4, 30)) + np.random.default_rng(2).normal(0, 2, 30)
    covariance = np.cov(examples)
    between = [covariance[one, other] for one, other in itertools.permutations(range(4), 2)]
    assert shared_variance(examples) == pytest.approx(np.mean(between))
    assert shared_variance(np.array([[1.0, -1.0], [-1.0, 1.0]])) == 0.0


def test_examples_that_mechanisms_take_differently_widen_the_interval():
    by_seed = [1.0, 1.2, 0.8]
    alike = np.tile(np.array(by_seed)[:, None], (1, 50))
    apart = alike + np.random.default_rng(3).normal(0, 3, 50)
    assert difference(by_seed, alike).interval == difference(by_seed).interval
    wide = difference(by_seed, apart)
    assert wide.interval.low < difference(by_seed).interval.low
    assert wide.p > difference(by_seed).p


@pytest.mark.parametrize(("a", "b"), [(1.0, 0.0), (0.0, 1.0), (1.0, 1.0), (0.1, 2.0)])
@pytest.mark.parametrize("alpha", [0.05, 0.001])
def test_the_p_value_is_the_alpha_whose_interval_reaches_0(a, b, alpha):
    errors = Errors(a, 2, b, 999)
    assert two_sided(half_width(alpha, errors), errors) == pytest.approx(alpha, rel=1e-6)


def test_with_one_part_the_error_is_students():
    assert half_width(0.05, Errors(2.0, 2, 0.0, 99)) == pytest.approx(2 * stats.t.ppf(0.975, 2))
    assert half_width(0.05, Errors(0.0, 2, 2.0, 99)) == pytest.approx(2 * stats.t.ppf(0.975, 99))
    both = half_width(0.05, Errors(1.0, 2, 1.0, 99))
    assert both == pytest.approx((stats.t.ppf(0.975, 2) + stats.t.ppf(0.975, 99)) / 2**0.5)


def test_the_order_of_seeds_changes_nothing():
    found = world(seeds=4, effect=1.0)
    turned = {
        name: Measured(dict(reversed(one.values.items())), dict(reversed(one.samples.items())))
        for name, one in found.items()
    }
    assert pairs(found, higher_is_better=True) == pairs(turned, higher_is_better=True)


def test_swapping_two_mechanisms_turns_signs_and_verdicts():
    found = world(seeds=5, mechanisms=2, effect=4.0)
    (pair,) = pairs(found, higher_is_better=True)
    (other,) = pairs(dict(reversed(found.items())), higher_is_better=True)
    assert (pair.verdict, other.verdict) == ("ahead", "behind")
    assert other.difference.value == pytest.approx(-pair.difference.value)
    assert other.difference.p == pytest.approx(pair.difference.p)
    turned = pair.turned()
    assert tuple(turned.difference.interval) == pytest.approx(tuple(other.difference.interval))
    assert (turned.effect, turned.chance) == (pytest.approx(other.effect), pytest.approx(other.chance))
    assert (turned.verdict, turned.first, turned.turned()) == (other.verdict, other.first, pair)


def test_identical_runs_differ_by_0_and_have_no_verdict():
    one = world()["m0"]
    (pair,) = pairs({"a": one, "b": one}, higher_is_better=True)
    assert (pair.difference.value, pair.difference.p, pair.corrected, pair.verdict) == (
        0.0,
        1.0,
        1.0,
        "not established",
    )
    assert (pair.examples_p, pair.chance) == (1.0, 0.5)


def test_a_verdict_follows_the_better_direction():
    found = {"a": by_hand(30.0, 31.0, 32.0), "b": by_hand(28.9, 29.7, 30.8)}
    assert [pairs(found, higher_is_better=higher)[0].verdict for higher in (True, False)] == ["ahead", "behind"]


def test_one_seed_and_two_seeds_establish_nothing():
    one = {"a": by_hand(90.0), "b": by_hand(10.0)}
    (pair,) = pairs(one, higher_is_better=True)
    assert (pair.verdict, pair.corrected) == ("not established", None)
    two = {"a": by_hand(90.0, 90.001), "b": by_hand(10.0, 10.0)}
    (pair,) = pairs(two, higher_is_better=True)
    assert pair.difference.p < 0.001
    assert pair.verdict == "not established"
    three = {"a": by_hand(90.0, 90.001, 89.999), "b": by_hand(10.0, 10.0, 10.0)}
    assert pairs(three, higher_is_better=True)[0].verdict == "ahead"


def test_seeds_that_all_differ_alike_are_judged_by_their_signs():
    found = difference([2.0, 2.0, 2.0])
    assert (found.p, found.interval) == (0.25, None)
    assert difference([2.0] * 8).p == 2 / 2**8
    assert difference([0.0, 0.0, 0.0]).p == 1.0


def test_verdicts_are_those_of_the_whole_family():
    three = {"a": by_hand(30.0, 31.0, 32.0), "b": by_hand(29.4, 30.0, 31.2)}
    assert pairs(three, higher_is_better=True)[0].verdict == "ahead"
    more = {**three, **{name: by_hand(*np.random.default_rng(k).normal(30, 3, 3)) for k, name in enumerate("cdef")}}
    found = pairs(more, higher_is_better=True)
    assert len(found) == 15
    assert found[0].corrected > found[0].difference.p
    assert found[0].verdict == "not established"


def test_only_shared_seeds_are_compared():
    found = {"a": Measured({0: 1.0, 1: 2.0, 5: 90.0}, {}), "b": Measured({0: 0.0, 1: 1.5, 7: 2.0}, {})}
    (pair,) = pairs(found, higher_is_better=True)
    assert (pair.difference.seeds, pair.difference.value) == (2, pytest.approx(0.75))
    assert pairs({"a": Measured({0: 1.0}, {}), "b": Measured({1: 1.0}, {})}, higher_is_better=True) == []


def test_examples_count_only_where_they_are_the_same():
    def one(name: str) -> Measured:
        samples = {seed: mean_of([1.0 + seed, 2.0, 4.0], name) for seed in (0, 1, 2)}
        return Measured({seed: sample.value for seed, sample in samples.items()}, samples)

    (same,) = pairs({"a": one("x"), "b": one("x")}, higher_is_better=True)
    (other,) = pairs({"a": one("x"), "b": one("y")}, higher_is_better=True)
    assert (same.difference.examples, other.difference.examples) == (3, None)
    assert other.examples_p is None


def test_holm_meets_its_hand_computed_values():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []


def test_holm_keeps_the_order_and_never_lowers_a_p_value():
    p = np.random.default_rng(4).random(20).tolist()
    corrected = holm(p)
    assert all(after >= before for before, after in zip(p, corrected, strict=True))
    assert np.all(np.diff(np.array(corrected)[np.argsort(p)]) >= 0)


def test_hedges_g_meets_its_hand_computed_value():
    # s = 1 for both, ν = 4: J = Γ(2) / (√2 Γ(3/2)) = √(2/π).
    assert hedges_g([3.0, 4.0, 5.0], [1.0, 2.0, 3.0]) == pytest.approx(2 * (2 / np.pi) ** 0.5)
    assert hedges_g([1.0], [2.0]) is None
    assert hedges_g([1.0, 1.0], [2.0, 2.0]) is None


def test_the_chance_of_being_above_is_mann_whitneys():
    first, second = [1.0, 2.0, 2.0, 5.0], [2.0, 3.0, 0.5]
    expected = stats.mannwhitneyu(first, second).statistic / 12
    assert chance_above(first, second) == pytest.approx(expected)
    assert chance_above(first, first) == 0.5
