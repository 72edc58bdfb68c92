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
