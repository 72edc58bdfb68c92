"""The tables of Markdown pages are made from records: one folder, or several, each a comparison of its own."""

import pytest

from attnbench.benchmarks.compare import CompareError
from attnbench.benchmarks.readme import with_tables

PAGE = "before\n<!-- table: {} -->\nold\n<!-- end -->\nafter"


@pytest.mark.parametrize("places", ["results/*", "results/short results/long"])
def test_a_block_compares_all_its_folders(made, tmp_path, places):
    made.keep(tmp_path / "results" / "short", made.record(value=10.0))
    made.keep(tmp_path / "results" / "long", made.record(value=30.0, budget={"epochs": 99}))
    page = with_tables(PAGE.format(places), tmp_path)
    assert page.startswith("before\n")
    assert page.endswith("\n<!-- end -->\nafter")
    assert "old" not in page
    assert "translation (phrases, short): BLEU" in page
    assert "translation (phrases, long): BLEU" in page


def test_a_block_of_details_has_all_measures_of_every_task(made, tmp_path):
    made.keep(tmp_path / "results", made.record(value=10.0))
    made.keep(tmp_path / "results", made.record("reading", value=20.0))
    page = with_tables(PAGE.replace("table", "details").format("results"), tmp_path)
    assert page.index("**reading (stories)**") < page.index("| 20.0") < page.index("**translation (phrases)**")
    assert page.count("NLL (nats)") == 2


def test_a_block_of_no_records_is_refused(tmp_path):
    with pytest.raises(CompareError, match="no records found"):
        with_tables(PAGE.format("results/*"), tmp_path)


@pytest.fixture
def three_tasks(made, tmp_path):
    """Of `babi` in two parts and of `reading`; uniform lacks a part."""
    for data, mechanism, accuracy, failed in (
        ("qa1", "dot_soft", 99.0, 0.0),
        ("qa2", "dot_soft", 60.0, 1.0),
        ("qa1", "uniform", 40.0, 1.0),
    ):
        measures = {"accuracy": accuracy, "failed_tasks": failed}
        made.keep(
            tmp_path / "results", made.record("babi", mechanism, data=data, primary="accuracy", measures=measures)
        )
    made.keep(tmp_path / "results", made.record("reading", "cosine_soft", primary="score", measures={"score": 7.0}))


@pytest.mark.usefixtures("three_tasks")
def test_a_block_of_one_measure_has_the_tasks_and_mechanisms_that_have_it_and_means_of_whole_columns(tmp_path):
    page = with_tables(PAGE.replace("table", "measure accuracy").format("results"), tmp_path)
    assert page.splitlines()[2:-2] == [
        r"| task | dot\_soft | uniform |",
        "| --- | ---: | ---: |",
        "| babi (qa1) | 99.0 | 40.0 |",
        "| babi (qa2) | 60.0 | – |",
        "| mean | 79.5 | – |",
    ]


@pytest.mark.usefixtures("three_tasks")
def test_a_block_of_a_list_counts_and_names_the_tasks_where_the_measure_is_not_zero(tmp_path):
    page = with_tables(PAGE.replace("table", "listed failed_tasks").format("results"), tmp_path)
    assert page.splitlines()[2:-2] == [r"- dot\_soft: 1 of 2: qa2", "- uniform: 1 of 1: qa1"]


@pytest.mark.usefixtures("three_tasks")
@pytest.mark.parametrize("kind", ["measure", "listed", "measure speed"])
def test_a_block_without_a_measure_that_records_have_is_refused(tmp_path, kind):
    with pytest.raises(ValueError, match="no record has this measure"):
        with_tables(PAGE.replace("table", kind).format("results"), tmp_path)
