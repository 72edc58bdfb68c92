"""Equal budgets in comparison and report: what came of them is told, and runs of different budgets stay apart."""

import json
from dataclasses import asdict

import pytest

from attnbench.benchmarks.compare import CompareError, compare
from attnbench.benchmarks.record import read_record
from attnbench.benchmarks.report import markdown_table, write_report

OFF = {
    "by": "parameters",
    "reference": "additive_soft",
    "target": 1000,
    "reached": 918,
    "residual": -0.082,
    "sizes": {},
}
NEAR = {**OFF, "reached": 1003, "residual": 0.003, "sizes": {"score.hidden_dim": 57}}


def test_a_budget_that_is_not_met_is_warned_of_in_one_line(made):
    runs = [made.record(matching=NEAR), made.record(attention="dot_soft", matching=OFF)]
    comparison = compare(made.places(*runs))
    (told,) = (warning for warning in comparison.warnings if "not matched" in warning)
    assert "translation (phrases): " in told
    assert "dot_soft has -8.2% parameters against additive_soft" in told
    assert "additive_soft has" not in told
    assert "\n" not in told


def test_the_report_shows_residual_sizes_and_reference(made, tmp_path):
    runs = [made.record(matching=NEAR), made.record(attention="dot_soft", matching=OFF)]
    paths = write_report(compare(made.places(*runs)), tmp_path)
    assert "translation,phrases,plain,,dot_soft,matching,residual,-0.082,,,,1,0=-0.082" in paths.csv.read_text("utf-8")
    for text in (paths.markdown.read_text("utf-8").replace("\\", ""), paths.html.read_text("utf-8")):
        assert all(told in text for told in ("-8.20%", "no free size", "+0.30%", "hidden_dim 57"))
        assert "parameters, to the 1,000 of additive_soft" in text


def test_flops_are_a_column_with_a_dash_where_a_record_knows_none(made):
    known = made.record(cost={"parameters": 10, "flops_per_example": 2.5e6})
    table = markdown_table(compare(made.places(known, made.record(attention="dot_soft"))))
    column = [cell.strip() for cell in table.splitlines()[0].split("|")].index("FLOPs/example")
    assert [line.split("|")[column].strip() for line in table.splitlines()[2:4]] == ["2.5 M", "–"]
    assert "Off reference" not in table


def test_records_older_than_matching_are_read_and_compared_as_not_matched(made, tmp_path):
    old = {key: value for key, value in asdict(made.record()).items() if key != "matching"}
    (tmp_path / "record.json").write_text(json.dumps(old), "utf-8")
    read = read_record(tmp_path)
    assert read.matching is None
    new = made.record(attention="dot_soft", budget={**read.budget, "match": "none"})
    assert len(compare(made.places(read, new)).tables[0].rows) == 2


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"budget": {"match": "parameters"}}, r"budget\.match \(none, parameters\)"),
        ({"matching": {**NEAR, "target": 2000}}, r"matched to \(1000, 2000\)"),
    ],
)
def test_budgets_matched_otherwise_are_different_budgets(made, change, named):
    matching = None if "budget" in change else NEAR
    with pytest.raises(CompareError, match=named):
        compare(
            made.places(
                made.record(budget={}, matching=matching),
                made.record(attention="dot_soft", **{"budget": {}, "matching": matching} | change),
            )
        )
