"""How many seeds an effect takes: a reference, laws, and what the command prints."""

import math

import pytest
from scipy import stats

from attnbench.benchmarks.cli import main
from attnbench.benchmarks.compare import compare
from attnbench.benchmarks.report.power import power_text
from attnbench.benchmarks.statistics.power import power, seeds_needed


@pytest.mark.parametrize(("effect", "seeds"), [(1.0, 3), (2.0, 3), (1.0, 10), (0.5, 30)])
@pytest.mark.parametrize("tests", [1, 10])
def test_without_examples_the_power_is_that_of_the_t_test(effect, seeds, tests):
    critical, shift = stats.t.ppf(1 - 0.025 / tests, seeds - 1), effect / 1.5 * math.sqrt(seeds)
    expected = stats.nct.sf(critical, seeds - 1, shift) + stats.nct.cdf(-critical, seeds - 1, shift)
    assert power(effect, seeds, 1.5, tests=tests) == pytest.approx(expected, abs=2e-3)


def test_with_no_effect_the_power_is_the_rate_of_false_alarms():
    assert power(0.0, 5, 1.0) == pytest.approx(0.05, abs=1e-3)
    assert 0.02 < power(0.0, 5, 1.0, 0.4) <= 0.05


def test_the_seeds_asked_for_are_the_fewest_that_keep_the_promise():
    for effect, error in ((1.0, 0.0), (1.0, 0.2), (0.4, 0.1)):
        count = seeds_needed(effect, 1.0, error)
        assert power(effect, count, 1.0, error) >= 0.8 > power(effect, count - 1, 1.0, error)


def test_smaller_effects_more_pairs_and_noisier_examples_take_more_seeds():
    assert seeds_needed(0.5, 1.0) > seeds_needed(1.0, 1.0) > seeds_needed(5.0, 1.0) >= 3
    assert seeds_needed(1.0, 1.0, tests=10) > seeds_needed(1.0, 1.0)
    assert seeds_needed(1.0, 1.0, 0.3) > seeds_needed(1.0, 1.0)


def test_no_number_of_seeds_makes_up_for_too_few_examples():
    assert seeds_needed(1.0, 0.5, 1.0) is None


def sweep(made):
    values = {"a_soft": [30.0, 31.0, 32.5], "b_soft": [28.0, 30.0, 29.0]}
    return [made.record(attention=name, seed=s, value=v) for name, found in values.items() for s, v in enumerate(found)]


def test_the_text_gives_seeds_for_each_effect_from_the_spread_measured(made):
    runs = sweep(made)
    text = power_text(compare(made.places(*runs)), [2.0])
    spread = stats.tstd([2.0, 1.0, 3.5])
    assert f"s.d. {spread:.2f}" in text
    (line,) = [line.split() for line in text.splitlines() if line.strip().startswith("2 ")]
    assert line[1:] == [str(seeds_needed(2.0, float(spread)))] * 2


def test_the_text_says_where_the_spread_is_unknown(made):
    text = power_text(compare(made.places(made.record(), made.record(attention="dot_soft"))))
    assert "not known" in text


def test_the_command_prints_it_and_writes_no_report(made, tmp_path, capsys):
    for record in sweep(made):
        made.keep(tmp_path, record)
    main(["compare", str(tmp_path), "--power", "--effect", "3"])
    assert "seeds for 80% power, BLEU" in capsys.readouterr().out
    assert not (tmp_path / "report").exists()
    with pytest.raises(SystemExit):
        main(["compare", str(tmp_path), "--effect", "-1"])
