"""Several comparisons at once: what may be compared is one table, what may not has a table for each of them."""

import csv
from pathlib import Path

import pytest

from attnbench.benchmarks.cli import main
from attnbench.benchmarks.compare import CompareError, compare
from attnbench.benchmarks.record import find_records

LONG = {"epochs": 99, "batch_size": 50, "learning_rate": 0.003}


def kept(made, root: Path, *runs) -> Path:
    for run in runs:
        made.keep(root, run)
    return root


def compared(*places: Path, mixed: bool = False):
    return compare(find_records(places), places=places, mixed=mixed)


def test_comparisons_that_differ_have_a_table_each_and_are_told_apart(made, tmp_path):
    short = kept(made, tmp_path / "short", made.record(value=10.0), made.record(attention="dot_soft", value=20.0))
    long = kept(made, tmp_path / "long", made.record(value=30.0, budget=LONG))
    comparison = compared(short, long)
    assert [table.title for table in comparison.tables] == [
        "translation (phrases, short)",
        "translation (phrases, long)",
    ]
    assert [len(table.rows) for table in comparison.tables] == [2, 1]
    assert len({table.key for table in comparison.tables}) == 2
    (warning,) = (warning for warning in comparison.warnings if "stand apart" in warning)
    assert "budget.epochs (6, 99)" in warning


def test_comparisons_that_share_their_conditions_are_one_table(made, tmp_path):
    first = kept(made, tmp_path / "a", made.record(seed=0))
    second = kept(made, tmp_path / "b", made.record(seed=1), made.record("reading"))
    other = kept(made, tmp_path / "c", made.record(budget=LONG))
    assert [(table.title, len(table.runs)) for table in compared(first, second).tables] == [
        ("reading (stories)", 1),
        ("translation (phrases)", 2),
    ]
    assert [(table.title, len(table.runs)) for table in compared(first, other, second).tables] == [
        ("reading (stories)", 1),
        ("translation (phrases, a and 1 more)", 2),
        ("translation (phrases, c)", 1),
    ]


def test_runs_of_one_comparison_that_differ_are_refused_whatever_stands_beside_it(made, tmp_path):
    torn = kept(made, tmp_path / "torn", made.record(), made.record(attention="dot_soft", budget=LONG))
    other = kept(made, tmp_path / "other", made.record(attention="uniform", budget={**LONG, "epochs": 5}))
    for places in ((torn,), (torn, other), (other, torn)):
        with pytest.raises(CompareError, match=r"budget\.epochs \(6, 99\)"):
            compared(*places)
    (table,) = compared(torn, other, mixed=True).tables
    assert len(table.runs) == 3


def test_places_that_end_alike_are_named_in_full(made, tmp_path):
    first = kept(made, tmp_path / "a" / "runs", made.record())
    second = kept(made, tmp_path / "b" / "runs", made.record(budget=LONG))
    assert [table.title for table in compared(first, second).tables] == [
        f"translation (phrases, {first})",
        f"translation (phrases, {second})",
    ]


def test_single_records_are_places_too(made, tmp_path):
    cells = [made.keep(tmp_path, made.record()), made.keep(tmp_path, made.record(budget=LONG))]
    files = [cell / "record.json" for cell in cells]
    assert len(compared(*files).tables) == len(compared(*cells).tables) == 2


def test_the_command_and_its_csv_tell_the_comparisons_apart(made, tmp_path, capsys):
    short = kept(made, tmp_path / "short", made.record(value=10.0))
    long = kept(made, tmp_path / "long", made.record(value=30.0, budget=LONG))
    main(["compare", str(short), str(long), "--out", str(tmp_path / "report")])
    assert "they differ in budget.epochs (6, 99)" in " ".join(capsys.readouterr().out.split())
    lines = csv.DictReader((tmp_path / "report" / "report.csv").read_text("utf-8").splitlines())
    assert {(line["comparison"], line["mean"]) for line in lines if line["measure"] == "bleu"} == {
        ("short", "10.0"),
        ("long", "30.0"),
    }


def test_tables_stand_in_the_order_of_the_numbers_in_their_names(made, tmp_path):
    data = ["qa10", "squad_0.5", "squad", "squad_0.25", "qa2", "babi_1k", "qa1", "qa"]
    comparison = compared(kept(made, tmp_path, *(made.record(data=name) for name in data)))
    assert [table.data for table in comparison.tables] == [
        *("babi_1k", "qa", "qa1", "qa2", "qa10"),
        *("squad", "squad_0.25", "squad_0.5"),
    ]
