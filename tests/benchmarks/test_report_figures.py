"""The report's figures: fronts, the square of pairs, bands and intervals, across tasks; names from records are text in all."""

import random
import re
from dataclasses import replace
from html.parser import HTMLParser
from statistics import fmean

import pytest

from attnbench.benchmarks.compare import compare
from attnbench.benchmarks.report.apart import apart
from attnbench.benchmarks.report.axis import reach, ticks
from attnbench.benchmarks.report.curves import chart, intervals, mean_curve
from attnbench.benchmarks.report.dots import dots
from attnbench.benchmarks.report.marks import marks
from attnbench.benchmarks.report.matrix import cell, matrix
from attnbench.benchmarks.report.page import page
from attnbench.benchmarks.report.pareto import Standing, front
from attnbench.benchmarks.report.plane import band, plane
from attnbench.benchmarks.report.scatter import cost_chart, cost_charts, gold_charts, undrawn
from attnbench.benchmarks.report.sections import measures
from attnbench.benchmarks.statistics.student import mean_interval

VALUES = {
    "a_soft": [30.0, 31.0, 32.0],
    "b_soft": [25.0, 26.2, 26.9],
    "c_soft": [25.5, 30.0, 24.0],
    "uniform": [12.0, 12.5, 13.5],
}


def compared(made, values, tasks=("translation",), **changes):
    return compare(
        made.places(
            *(
                made.record(task, name, seed, value, **changes)
                for task in tasks
                for name, found in values.items()
                for seed, value in enumerate(found)
            )
        )
    )


def beaten(one, other):
    """Whether `other` is at most as costly and at least as good, and not the same."""
    return other.cost <= one.cost and other.quality >= one.quality and other != one


@pytest.mark.parametrize("seed", range(20))
def test_nobody_on_the_front_is_beaten_and_everybody_off_it_is_by_one_on_it(seed):
    draw = random.Random(seed)
    found = {str(name): Standing(draw.randint(0, 6), draw.randint(0, 6)) for name in range(12)}  # ties are frequent
    best = front(found)
    assert best
    assert not [one for one in best if any(beaten(found[one], other) for other in found.values())]
    off = [one for one in found if one not in best]
    assert all(any(beaten(found[one], found[other]) for other in best) for one in off)
    assert [found[one].cost for one in best] == sorted(found[one].cost for one in best)


def with_costs(made, costs, **changes):
    runs = [
        made.record(attention=name, value=value, cost={"parameters": 1000.0, "seconds": seconds}, **changes)
        for name, (seconds, value) in costs.items()
    ]
    return compare(made.places(*runs))


def told(figure):
    """The figure's table: the last cell of each mechanism's line."""
    lines = re.findall(r'<th scope="row">(.*?)</th>(.*?)</tr>', figure)
    return {name: re.findall("<td>(.*?)</td>", cells)[-1] for name, cells in lines}


def test_the_front_turns_with_the_measures_direction(made):
    costs = {"a": (10.0, 20.0), "b": (20.0, 30.0), "c": (15.0, 18.0), "d": (30.0, 30.0)}
    for better, on in (("higher", {"a", "b"}), ("lower", {"a", "c"})):
        comparison = with_costs(made, costs, better=better)
        figure = cost_chart(comparison.tables[0], "seconds", marks(comparison))
        assert {name for name, answer in told(figure).items() if answer == "yes"} == on
        assert figure.count('class="beaten"') == len(costs) - len(on)


def test_a_cost_that_is_the_same_for_all_or_not_read_is_named_and_not_drawn(made):
    comparison = with_costs(made, {"a": (10.0, 20.0), "b": (20.0, 30.0)})
    (table,) = comparison.tables
    assert cost_charts(table, marks(comparison)).count("<figure") == 1
    same, missing = undrawn(table).split("Not recorded: ")
    assert same == "Same for all: parameters. "
    assert "peak memory" in missing
    assert "energy" in missing
    assert "time" not in missing


def test_intervals_that_would_hide_each_other_stand_side_by_side():
    assert apart([10.0, 50.0, 90.0]) == [10.0, 50.0, 90.0]
    assert apart([50.0, 10.0, 50.0, 51.0]) == pytest.approx([50 - 8 + 1 / 3, 10, 50 + 1 / 3, 50 + 8 + 1 / 3])
    assert apart([]) == []


def test_a_mark_at_0_stands_free_and_no_number_is_below_0():
    for values in ([0.0, 5.0], [0.0, 0.0], [0.0]):
        low, high = reach(values, [])
        assert low < 0 < high
        assert min(ticks(low, high)) == 0
    assert reach([-2.0, 5.0], [])[0] < -2


def test_costs_have_a_table_of_their_own(made):
    comparison = with_costs(made, {"a": (10.0, 20.0), "b": (20.0, 30.0)})
    first, second = re.findall("<table.*?</table>", measures(comparison.tables[0], marks(comparison)))
    assert ("Time (s)" in first, "Time (s)" in second) == (False, True)
    assert ("BLEU" in first, "BLEU" in second) == (True, False)
    assert first.count("<tr") == second.count("<tr")


def test_quality_stands_beside_attentions_where_there_is_gold(made):
    quality = {"mass_on_gold": 0.5, "alignment_error_rate": 0.2, "entropy": 1.0}
    comparison = compared(made, VALUES, attention_quality=quality)
    drawn = gold_charts(comparison.tables[0], marks(comparison))
    assert re.findall("<figcaption>(.*?)</figcaption>", drawn) == ["BLEU beside mass on gold", "BLEU beside AER"]
    without = compared(made, VALUES)
    assert gold_charts(without.tables[0], marks(without)) == ""


def numbers(html):
    """Every number of a cell's text: the difference, low, high."""
    return [float(found) for found in re.findall(r"[+-]?\d+\.\d+", re.sub("<[^>]*>", " ", html))]


@pytest.mark.parametrize("better", ["higher", "lower"])
def test_the_square_is_turned_at_its_diagonal(made, better):
    (table,) = compared(made, VALUES, better=better).tables
    css = {None: None, "ahead": "behind", "behind": "ahead"}
    coloured = 0
    for one in VALUES:
        assert cell(table, one, one) == "<td>–</td>"
        for other in set(VALUES) - {one}:
            (value, low, high), (back, least, most) = (numbers(cell(table, *p)) for p in ((one, other), (other, one)))
            assert (value, low, high) == (-back, -most, -least)
            lead = fmean(VALUES[one]) - fmean(VALUES[other])
            assert value == pytest.approx(lead if better == "higher" else -lead, abs=0.051)
            mine, theirs = (re.match('<td class="(.*?)"', cell(table, *p)) for p in ((one, other), (other, one)))
            assert css[mine and mine.group(1)] == (theirs and theirs.group(1))
            assert (mine is not None) == table.pair(one, other).established
            assert mine is None or (mine.group(1) == "ahead") == (value > 0)
            coloured += mine is not None
    assert 0 < coloured < len(VALUES) * (len(VALUES) - 1)


def test_what_is_not_established_is_said_so_to_those_who_see_no_colour(made):
    (table,) = compared(made, VALUES).tables
    square = matrix(table)
    opened = sum(not pair.established for pair in table.pairs)
    assert square.count('<span class="unseen">not established</span>') == 2 * opened
    assert square.count("<small>ahead</small>") == square.count("<small>behind</small>") == len(table.pairs) - opened


def test_a_band_is_the_interval_of_each_epoch_and_never_that_of_fewer_seeds():
    curves = [[1.0, 2.0, None], [2.0, 4.0, 5.0], [1.5, 2.5, 6.0]]
    assert intervals(curves) == [mean_interval([1.0, 2.0, 1.5]), mean_interval([2.0, 4.0, 2.5]), None]
    assert mean_curve(curves) == [1.5, pytest.approx(17 / 6), None]
    assert intervals([[1.0, 2.0]]) == [None, None]


def test_bands_stay_inside_the_drawing(made):
    comparison = compared(made, {"a_soft": [30.0, 31.0]})
    runs = [
        replace(run.record, curves={"val/bleu": [1.0 + 5 * seed, 2.0, 3.0]}) for seed, run in enumerate(comparison.runs)
    ]
    comparison = compare(made.places(*runs))
    figure = chart(comparison.tables[0], "val/bleu", marks(comparison))
    assert figure.count('class="band ') == 1
    assert "95 % interval over seeds" in figure
    heights = [float(y) for y in re.findall(r"[ML][\d.]+ (-?[\d.]+)", figure)]
    assert min(heights) >= 10
    assert max(heights) <= 250 - 40


def test_a_band_is_broken_where_there_is_no_interval(made):
    mark = marks(compared(made, VALUES))["a_soft"]
    edges = [(1.0, (1.0, 2.0)), (2.0, (1.0, 2.0)), (3.0, None), (4.0, (1.0, 2.0)), (5.0, (1.0, 2.0))]
    drawn = band(plane((1.0, 5.0), (0.0, 3.0)), edges, mark)
    assert (drawn.count("M"), drawn.count("Z")) == (2, 2)


def test_dots_stand_on_their_95_percent_interval(made):
    comparison = compared(made, VALUES)
    drawn = dots(comparison.tables[0], marks(comparison))
    assert "95 % interval" in drawn
    first = [float(x) for x in re.findall(r'seed-dot" cx="([\d.]+)"', drawn)][:3]
    low, high = map(float, re.search(r'class="interval m0" d="M([\d.]+) [\d.]+H([\d.]+)', drawn).groups())
    interval = mean_interval(VALUES["a_soft"])
    unit = (first[2] - first[0]) / (VALUES["a_soft"][2] - VALUES["a_soft"][0])
    assert (high - low) / unit == pytest.approx(interval.high - interval.low, rel=0.02)
    assert (low + high) / 2 == pytest.approx(first[1], abs=0.2)


def test_across_tasks_stand_means_improvements_and_profiles(made):
    comparison = compared(made, VALUES, ("translation", "reading"))
    section = page(comparison).partition('<section id="across">')[2].partition("</section>")[0]
    assert section.count("<figure") == 3
    assert section.count('class="band ') == section.count('class="mean ') == len(VALUES)
    table = section.partition("<tbody>")[2].partition("</tbody>")[0]
    assert f"{comparison.across.means['b_soft'].value:.2f} [" in table
    assert "P(a_soft better than …)" in section
    assert section.count('class="reference"') == 1
    one = page(compared(made, VALUES))
    assert 'id="across"' not in one


class Tags(HTMLParser):
    """All start tags with the names of their attributes, and all that a reader is shown."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.shown = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        if tag != "wbr":  # a place where a name may break: one an underscore
            self.tags.append((tag, [name for name, _ in attrs]))
        self.shown += [value for _, value in attrs if value]

    def handle_data(self, data):
        self.shown.append(data)


EVIL = {
    "a_soft": '<script>alert("a")</script>',
    "b_soft": 'b" onload="alert(1)',
    "c_soft": "c'><img src=x>",
    "uniform": "uniform",
}


def test_hostile_names_change_no_element_of_the_page(made):
    records = {
        place: replace(record, cost={"seconds": 40 - value}, attention_quality={"mass_on_gold": value / 100})
        for place, record in (
            (run.folder, run.record) for run in compared(made, VALUES, ("translation", "reading")).runs
        )
        for value in [record.measures[record.primary]]
    }
    renamed = {place: replace(record, attention=EVIL[record.attention]) for place, record in records.items()}
    harmless, hostile = Tags(page(compare(records))), Tags(page(compare(renamed)))
    assert sorted(map(str, hostile.tags)) == sorted(map(str, harmless.tags))
    assert len([tag for tag, _ in hostile.tags if tag == "figure"]) > 10
    assert any(EVIL["b_soft"] in text for text in hostile.shown)
