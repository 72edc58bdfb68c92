"""The comparison at W&B: a run of its own, with the tables, plots and page of the report."""

import json
from pathlib import Path
from typing import Any

import pytest

from attnbench.benchmarks import wandb_comparison
from attnbench.benchmarks.cli import main
from attnbench.benchmarks.compare import compare
from attnbench.benchmarks.record import find_records
from attnbench.benchmarks.wandb_comparison import curve, wide_table


def comparisons(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [run for run in runs if run["job_type"] == "compare"]


def test_a_sweep_ends_with_its_comparison(swept: Path, offline: Any) -> None:
    (run,) = comparisons(offline.runs(swept))
    records = find_records([swept]).values()
    assert run["config"]["cells"] == sorted(record.cell for record in records)
    assert run["config"]["mechanisms"] == ["additive_soft", "uniform"]
    for record in records:
        mean = run["summary"][f"translation/phrases/rnnsearch/{record.attention}"]
        assert mean == pytest.approx(record.measures["bleu"])
    assert run["summary"]["cells"] == 2
    assert run["exit"] == 0


def test_the_report_goes_along_byte_for_byte_and_can_be_looked_at(swept: Path, offline: Any) -> None:
    (run,) = comparisons(offline.runs(swept))
    ((kind, files),) = [found for name, found in run["artifacts"].items() if name == f"report-{run['run_id']}"]
    assert kind == "report"
    assert {name: path.read_bytes() for name, path in files.items()} == {
        name: (swept / "report" / name).read_bytes() for name in ("report.html", "report.md", "report.csv", "pairs.csv")
    }
    (page,) = swept.rglob("media/html/*.html")
    assert page.read_bytes() == (swept / "report" / "report.html").read_bytes()


def test_every_plot_has_the_table_that_it_draws(swept: Path, offline: Any) -> None:
    (run,) = comparisons(offline.runs(swept))
    drawn = {
        path.name.removesuffix(".table.json") for _, files in run["artifacts"].values() for path in map(Path, files)
    }
    assert {"comparison", "quality_table", "cost_table", "curves_table"} <= drawn
    (quality,) = [files for name, (_, files) in run["artifacts"].items() if "quality_table" in name]
    (content,) = [json.loads(path.read_text()) for path in quality.values()]
    expected = {record.attention: record.measures["bleu"] for record in find_records([swept]).values()}
    assert content["columns"] == ["mechanism", "bleu"]
    assert dict(content["data"]) == {name: pytest.approx(value) for name, value in expected.items()}


def test_the_table_has_means_and_spreads_and_no_number_where_nothing_ran(made: Any) -> None:
    runs = [made.record(seed=seed, value=value) for seed, value in enumerate([30.0, 32.0])]
    lone = made.record(attention="dot_soft", value=20.0, attention_quality={})
    failed = made.record(attention="uniform", status="failed", error="broken")
    (table,) = compare(made.places(*runs, lone, failed)).tables
    wide = wide_table(table)
    lines = {line[0]: dict(zip(wide.columns, line, strict=True)) for line in wide.data}
    assert lines["additive_soft"]["test/bleu"] == pytest.approx(31.0)
    assert lines["additive_soft"]["test/bleu ±"] == pytest.approx(2**0.5)
    assert (lines["additive_soft"]["seeds"], lines["dot_soft"]["seeds"], lines["uniform"]["seeds"]) == (2, 1, 0)
    assert lines["dot_soft"]["test/bleu ±"] is None
    assert lines["dot_soft"]["test/attention/entropy"] is None
    assert lines["uniform"]["test/bleu"] is None


def test_a_curve_is_the_mean_over_seeds_and_has_no_point_where_one_is_missing(made: Any) -> None:
    runs = [
        made.record(seed=n, curves={"val/bleu": values}) for n, values in enumerate([[1.0, None, 5.0], [3.0, 4.0, 7.0]])
    ]
    (table,) = compare(made.places(*runs)).tables
    assert curve(table.rows[0], "val/bleu") == {1: 2.0, 3: 6.0}
    assert curve(table.rows[0], "val/nothing") == {}


def test_compare_logs_on_request_and_the_same_cells_to_the_same_run(
    made: Any, offline: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    failed = made.record(attention="uniform", status="failed", error="no memory left")
    for record in (made.record(), made.record("reading"), failed):
        made.keep(tmp_path / "runs", record)
    for out in ("one", "two"):
        main(["compare", str(tmp_path / "runs"), "--out", str(tmp_path / out), "--wandb", "team/project"])
    one, two = (*offline.runs(tmp_path / "one"), *offline.runs(tmp_path / "two"))
    assert one["run_id"] == two["run_id"]
    assert one["config"]["tables"] == ["reading/stories/plain", "translation/phrases/plain"]
    assert (one["summary"]["cells"], one["summary"]["failed"]) == (2, 1)
    (failures,) = [files for name, (_, files) in one["artifacts"].items() if "failed" in name]
    (content,) = [json.loads(path.read_text()) for path in failures.values()]
    assert content["data"] == [["translation", "phrases", "uniform", 0, "no memory left"]]
    assert f"wandb sync {tmp_path / 'two'}" in capsys.readouterr().out


def test_a_comparison_that_cannot_be_logged_ends_its_run_as_failed(
    made: Any, offline: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*parts: Any) -> dict[str, Any]:
        raise RuntimeError("no plot today")

    made.keep(tmp_path, made.record())
    monkeypatch.setattr(wandb_comparison, "logged", broken)
    with pytest.raises(SystemExit) as stop:
        main(["compare", str(tmp_path), "--wandb", "project"])
    assert stop.value.code == 1
    assert capsys.readouterr().err == "attnbench: no plot today\n"
    (run,) = offline.runs(tmp_path)
    assert run["exit"] == 1


@pytest.mark.parametrize("name", ["a/b/c", "../project", "team/", "", "a b", "team/..", "project?x=1"])
def test_what_is_no_project_is_refused_before_anything_is_written(
    name: str, made: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made.keep(tmp_path, made.record())
    with pytest.raises(SystemExit):
        main(["compare", str(tmp_path), "--out", str(tmp_path / "report"), "--wandb", name])
    assert f"attnbench: {name}: no W&B project; give ENTITY/PROJECT" in capsys.readouterr().err
    assert not (tmp_path / "report").exists()
