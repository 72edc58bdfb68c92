"""Aggregates over tasks: rliable's definitions on cases small enough to work out by hand."""

import numpy as np
import pytest
from scipy import stats

from attnbench.benchmarks.compare import compare
from attnbench.benchmarks.statistics.across import across, improvement, interquartile_mean, normalised, profile

TASKS = ["one", "two"]


@pytest.mark.parametrize("count", [3, 4, 7, 8, 15])
def test_the_interquartile_mean_is_the_trimmed_mean(count):
    scores = np.random.default_rng(count).normal(0, 1, count)
    assert interquartile_mean(scores[None])[0] == pytest.approx(stats.trim_mean(scores, 0.25))


def test_the_interquartile_mean_of_eight_leaves_out_two_at_either_end():
    assert interquartile_mean(np.array([[100.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, -50.0]]))[0] == (2 + 3 + 4 + 5) / 4


def test_the_probability_of_improvement_is_a_mean_over_tasks_with_ties_half():
    first = [np.array([[1.0, 3.0]]), np.array([[5.0, 5.0]])]
    second = [np.array([[2.0, 2.0]]), np.array([[5.0, 4.0]])]
    # task one: (0 + 0 + 1 + 1) / 4; task two: (½ + 1 + ½ + 1) / 4
    assert improvement(first, second)[0] == pytest.approx((0.5 + 0.75) / 2)
    assert improvement(second, first)[0] == pytest.approx(1 - (0.5 + 0.75) / 2)


def test_a_profile_is_the_share_of_runs_above_each_level():
    found = profile(np.array([[0.0, 0.5, 0.5, 1.0]]), np.array([-1.0, 0.0, 0.4, 0.5, 1.0]))
    assert found.tolist() == [[1.0, 0.75, 0.75, 0.25, 0.0]]


def test_the_control_is_0_and_the_best_1_in_either_direction():
    assert normalised([10.0, 30.0, 20.0], 10.0, 30.0) == [0.0, 1.0, 0.5]
    assert normalised([3.0, 1.0, 2.0], 3.0, 1.0) == [0.0, 1.0, 0.5]


def scores() -> dict[str, list[list[float]]]:
    rng = np.random.default_rng(0)
    return {name: [rng.normal(level, 0.1, 3).tolist() for _ in TASKS] for name, level in (("a", 0.9), ("b", 0.3))}


def test_intervals_hold_their_figures_and_are_the_same_again_in_any_order():
    found, turned = across(scores(), TASKS, {}), across(dict(reversed(scores().items())), TASKS, {})
    assert found.means == {name: turned.means[name] for name in found.means}
    assert found.improvement["a", "b"] == turned.improvement["a", "b"]
    for one in (*found.means.values(), *found.improvement.values()):
        assert one.interval.low <= one.value <= one.interval.high
    assert found.improvement["a", "b"].value == 1.0
    assert found.means["a"].interval.low > found.means["b"].interval.high


def test_seeds_are_drawn_within_their_task():
    apart = {name: [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]] for name in ("a", "b")}
    interval = across(apart, TASKS, {}).means["a"].interval
    assert interval.low == interval.high == 0.5


def tasks_of(made, *, third: str = "uniform", missing: str = "", gap: float = 20.0, tables=()):
    runs = [
        made.record(task, name, seed, level + seed + offset + 0.1 * (len(name) * seed % 4))
        for offset, task in enumerate(("translation", "reading"))
        for name, level in (("a_soft", 40.0 + gap / 2), ("b_soft", 40.0), (third, 40.0 - gap))
        for seed in range(3)
        if not (task == "reading" and name == missing)
    ]
    runs += [
        made.record(task, name, value=value) for task in tables for name, value in (("a_soft", 2.0), ("uniform", 1.0))
    ]
    return compare(made.places(*runs)).across


def test_tables_are_put_on_one_scale_by_their_controls(made):
    found = tasks_of(made)
    assert found.tables == ["reading (stories)", "translation (phrases)"]
    assert found.means["b_soft"].value == pytest.approx(20 / 30, abs=0.02)
    assert found.means["uniform"].value == pytest.approx(0.0, abs=0.02)
    assert found.improvement["a_soft", "b_soft"].value == 1.0


def test_what_cannot_be_put_on_the_scale_is_left_out_and_named(made):
    assert tasks_of(made, third="c_soft") is None
    found = tasks_of(made, missing="b_soft")
    assert set(found.means) == {"a_soft", "uniform"}
    assert found.left_out == {"b_soft": "did not run on all tasks"}
    assert tasks_of(made, gap=0.15) is None
    odd = tasks_of(made, tables=("captioning",))
    assert odd.left_out == {"captioning (scenes)": "one seed"}
    assert odd.tables == ["reading (stories)", "translation (phrases)"]
    alone = compare(made.places(made.record(value=1.0), made.record(attention="uniform", value=0.0)))
    assert alone.across is None
