"""Comparison: what is averaged, what is refused, what is warned of."""

import math
from dataclasses import replace
from pathlib import Path

import pytest

from attnbench.benchmarks.compare import CompareError, compare


def test_mean_and_sample_deviation_meet_hand_computed_values(made):
    runs = [made.record(seed=seed, value=value) for seed, value in enumerate([30.0, 31.0, 35.0])]
    (table,) = compare(made.places(*runs)).tables
    found = table.rows[0].measures["bleu"]
    assert found.mean == pytest.approx(32.0)
    assert found.spread == pytest.approx(math.sqrt((4 + 1 + 9) / 2))
    assert found.seeds == 3
    assert found.by_seed == {0: 30.0, 1: 31.0, 2: 35.0}


def test_one_seed_has_a_mean_and_no_spread(made):
    (table,) = compare(made.places(made.record(value=30.0))).tables
    assert (table.rows[0].measures["bleu"].mean, table.rows[0].measures["bleu"].spread) == (30.0, None)


def test_attention_quality_and_cost_are_summarised_like_measures(made):
    cheap, dear = made.record(seed=0, cost={"seconds": 10.0}), made.record(seed=1, cost={"seconds": 14.0})
    other = replace(dear, attention_quality={"entropy": 0.7})
    row = compare(made.places(cheap, other)).tables[0].rows[0]
    assert row.cost["seconds"].mean == pytest.approx(12.0)
    assert row.attention_quality["entropy"].mean == pytest.approx(0.6)
    assert row.attention_quality["entropy"].spread == pytest.approx(math.sqrt(0.02))


def test_a_missing_value_counts_in_no_mean(made):
    known, unknown = made.record(seed=0, value=30.0), made.record(seed=1, value=None)
    row = compare(made.places(known, unknown)).tables[0].rows[0]
    assert row.measures["bleu"].by_seed == {0: 30.0}
    never = compare(made.places(unknown)).tables[0].rows[0]
    assert "bleu" not in never.measures


def test_a_mechanism_has_no_row_where_it_did_not_run(made):
    runs = made.places(made.record("translation"), made.record("reading"), made.record("reading", "dot_soft"))
    comparison = compare(runs)
    reading, translation = comparison.tables
    assert comparison.mechanisms == ["additive_soft", "dot_soft"]
    assert reading.row("dot_soft") is not None
    assert translation.row("dot_soft") is None


def test_the_control_stands_last(made):
    runs = made.places(
        made.record(attention="uniform"), made.record(attention="z_soft"), made.record(attention="a_soft")
    )
    assert compare(runs).mechanisms == ["a_soft", "z_soft", "uniform"]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"budget": {"epochs": 9, "batch_size": 50, "learning_rate": 0.003}}, "budget.epochs (6, 9)"),
        ({"provenance": {"code": "0ther", "data_checksum": "da7a"}}, "code (c0de, 0ther)"),
        ({"provenance": {"code": "c0de", "data_checksum": "0ther"}}, "data (da7a, 0ther)"),
        ({"primary": "chrf"}, "primary measure (bleu, chrf)"),
    ],
)
def test_runs_under_different_conditions_are_refused_with_the_difference_and_the_remedy(made, change, named):
    runs = made.places(made.record(), made.record(attention="dot_soft", **change))
    with pytest.raises(CompareError) as caught:
        compare(runs)
    assert named in str(caught.value)
    assert "--mixed" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert any(named in warning for warning in compare(runs, mixed=True).warnings)


def test_another_estimator_or_model_option_is_another_condition(made):
    def configured(attention: str, reward: str) -> object:
        origin = made.record().provenance
        config = {"estimator": {"reward": reward}, "attention": {"kind": attention}, "seed": 0, "task": {"seed": 0}}
        return made.record(attention=attention, provenance={**origin, "config": config})

    with pytest.raises(CompareError, match=r"estimator\.reward \(symbol, sentence\)"):
        compare(made.places(configured("a_soft", "symbol"), configured("b_soft", "sentence")))
    assert len(compare(made.places(configured("a_soft", "symbol"), configured("b_soft", "symbol"))).tables) == 1


def estimated(made, selection: str, **options: object) -> object:
    config = {"estimator": {"_target_": "attnbench.tasks.estimators.Reinforce", "label_smoothing": 0.1, **options}}
    origin = {**made.record().provenance, "config": config}
    return made.record(attention=f"additive_{selection}", selection=selection, provenance=origin)


def test_how_draws_are_trained_is_no_condition_of_what_draws_nothing(made):
    soft, hard = estimated(made, "softmax", expected_hold=0.1), estimated(made, "hard", expected_hold=0.5, samples=2)
    assert len(compare(made.places(soft, hard, estimated(made, "uniform"))).tables) == 1
    other = replace(estimated(made, "hard", expected_hold=0.1, samples=2), attention="dot_hard")
    with pytest.raises(CompareError, match=r"estimator\.expected_hold \(0\.5, 0\.1\)"):
        compare(made.places(soft, hard, other))


@pytest.mark.parametrize(
    "options", [{"label_smoothing": 0.0}, {"_target_": "mine.Estimator", "weight": 2.0}], ids=["smoothing", "plugin"]
)
def test_what_an_estimator_does_to_every_mechanism_is_a_condition_of_all(made, options):
    with pytest.raises(CompareError, match=r"estimator\."):
        compare(made.places(estimated(made, "softmax"), estimated(made, "uniform", **options)))


def test_what_drew_in_training_is_held_to_its_estimator_whatever_its_selection_is_called(made):
    drew = {"curves": {"train/attention/entropy": [1.0], "val/bleu": [1.0]}}
    runs = [replace(estimated(made, name, samples=n), **drew) for n, name in enumerate(("mine", "other"), 1)]
    with pytest.raises(CompareError, match=r"estimator\.samples \(1, 2\)"):
        compare(made.places(*runs))


def test_seeds_in_the_config_are_no_difference(made):
    origin = made.record().provenance
    runs = [
        made.record(seed=seed, provenance={**origin, "config": {"seed": seed, "task": {"seed": seed}}})
        for seed in (0, 1)
    ]
    assert compare(made.places(*runs)).tables[0].rows[0].seeds == [0, 1]


def test_tables_of_different_tasks_need_no_common_budget(made):
    runs = made.places(made.record("translation"), made.record("reading", budget={"epochs": 1}))
    assert len(compare(runs).tables) == 2


def test_mixed_runs_are_never_averaged(made):
    short, long = made.record(value=10.0, budget={"epochs": 1}), made.record(value=30.0, budget={"epochs": 9})
    (table,) = compare(made.places(short, long), mixed=True).tables
    means = {row.mechanism: row.measures["bleu"].mean for row in table.rows}
    assert means == {"additive_soft (budget.epochs=1)": 10.0, "additive_soft (budget.epochs=9)": 30.0}


def test_the_same_cell_counts_once_and_finished_before_failed(made):
    finished = made.record(value=30.0)
    failed = replace(finished, status="failed", measures={}, error="stopped")
    comparison = compare({Path("a"): failed, Path("b"): finished, Path("c"): finished})
    assert [run.folder for run in comparison.runs] == [Path("b")]
    assert comparison.failed == []


def test_two_different_runs_of_one_mechanism_and_seed_are_refused_and_apart_when_mixed(made):
    runs = {Path("a"): made.record(cell="1" * 16, value=10.0), Path("b"): made.record(cell="2" * 16, value=30.0)}
    with pytest.raises(CompareError, match=r"two different runs of additive_soft with seed 0 \(a, b\)"):
        compare(runs)
    assert [row.measures["bleu"].mean for row in compare(runs, mixed=True).tables[0].rows] == [10.0, 30.0]


def test_failed_cells_are_kept_apart_and_warned_of(made):
    failed = made.record(attention="dot_hard", status="failed", measures={}, budget={}, error="loss is NaN")
    comparison = compare(made.places(made.record(), failed))
    assert [run.record.error for run in comparison.failed] == ["loss is NaN"]
    assert "1 of 2 cells failed" in comparison.warnings[0]
    assert comparison.tables[0].row("dot_hard").measures == {}


def test_cells_that_all_failed_still_make_a_comparison(made):
    failed = made.record(status="failed", primary="", measures={}, error="loss is NaN")
    comparison = compare(made.places(failed))
    assert (len(comparison.failed), comparison.tables[0].best) == (1, [])


def test_no_records_are_refused():
    with pytest.raises(CompareError, match="no records found"):
        compare({})


def test_few_and_unequal_seeds_are_warned_of(made):
    alone = compare(made.places(made.record()))
    assert any("one seed" in warning for warning in alone.warnings)
    unequal = compare(made.places(made.record(seed=0), made.record(seed=1), made.record(attention="dot_soft", seed=0)))
    assert any("same seeds (additive_soft 0, 1; dot_soft 0)" in warning for warning in unequal.warnings)
    enough = compare(made.places(*(made.record(seed=seed) for seed in range(3))))
    assert enough.warnings == []


def test_times_from_different_machines_are_warned_of(made):
    origin = made.record().provenance
    runs = [made.record(seed=seed, provenance={**origin, "processor": f"kind {seed}"}) for seed in range(3)]
    assert any("different machines" in warning for warning in compare(made.places(*runs)).warnings)


@pytest.mark.parametrize(("better", "best"), [("higher", "b_soft"), ("lower", "a_soft")])
def test_the_best_mean_follows_the_direction_of_the_measure(made, better, best):
    runs = [
        made.record(attention="a_soft", value=1.0, better=better),
        made.record(attention="b_soft", value=2.0, better=better),
    ]
    assert [row.mechanism for row in compare(made.places(*runs)).tables[0].best] == [best]


def test_collapsed_attention_is_warned_of_by_mechanism_and_seed(made):
    fine = made.record(seed=0)
    dead = replace(made.record(seed=1), alarms=["attention does not move: ..."])
    (table,) = compare(made.places(fine, dead)).tables
    assert [warning for warning in table.warnings if "move" in warning] == [
        "additive_soft, seed 1: attention does not move: ..."
    ]


SAME = {"train/loss": [3.0, 2.0]}
OTHER = {"train/loss": [3.0, 2.1]}


@pytest.mark.parametrize(
    ("theirs", "told"),
    [
        ({0: {}, 1: {}}, True),
        ({1: {}}, True),
        ({0: {}, 1: {"curves": OTHER}}, False),
        ({0: {"value": 31.0}, 1: {}}, False),
        ({2: {}}, False),
    ],
    ids=["all", "the seed they share", "another loss", "another measure", "no seed they share"],
)
def test_mechanisms_that_are_one_model_are_warned_of(made, theirs, told):
    def runs(name, changes):
        return [made.record(attention=name, seed=seed, **{"curves": SAME, **other}) for seed, other in changes.items()]

    records = [*runs("dot_soft", {0: {}, 1: {}}), *runs("luong_general", theirs), *runs("uniform", {0: {"value": 1.0}})]
    (table,) = compare(made.places(*records)).tables
    assert [warning.split(" here")[0] for warning in table.warnings if "one model" in warning] == (
        ["dot_soft and luong_general are one model"] if told else []
    )


def test_equal_measures_alone_do_not_make_mechanisms_one_model(made):
    records = [made.record(attention=name) for name in ("dot_soft", "luong_general")]
    assert not any("one model" in warning for warning in compare(made.places(*records)).warnings)
