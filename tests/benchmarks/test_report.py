"""The report in Markdown, CSV and on the terminal: what stands in it, and that it says no more than the records do."""

import csv
import io
import re
import shlex

import pytest
from rich.console import Console

from attnbench.benchmarks.compare import compare
from attnbench.benchmarks.report import markdown_table, terminal_table, write_report
from attnbench.benchmarks.report.findings import finding
from attnbench.benchmarks.report.grid import WIDE
from attnbench.benchmarks.report.numbers import DASH, amount, decimals, fixed
from attnbench.benchmarks.report.pairwise import explanation
from attnbench.benchmarks.report.provenance import command


@pytest.fixture
def two_tasks(made):
    runs = [
        made.record("translation", "additive_soft", 0, 30.0),
        made.record("translation", "additive_soft", 1, 32.0),
        made.record("translation", "uniform", 0, 12.0),
        made.record("translation", "uniform", 1, 15.0),
        made.record("reading", "dot_soft", 0, 61.04),
        made.record("reading", "dot_soft", 1, status="failed", measures={}, error="loss is NaN | at step 3"),
    ]
    return compare(made.places(*runs))


def cells(markdown: str, mechanism: str) -> list[str]:
    """The cells of a mechanism's line in a pipe table."""
    line = next(line for line in markdown.splitlines() if line.startswith(f"| {mechanism} "))
    return [cell.strip() for cell in line.strip("|").split(" | ")]


def drawn(comparison, width: int = 80) -> str:
    console = Console(width=width, file=io.StringIO(), record=True)
    console.print(terminal_table(comparison))
    return console.export_text()


def test_the_overview_gives_mean_interval_and_seeds_and_a_dash_where_nothing_ran(two_tasks):
    table = markdown_table(two_tasks)
    assert cells(table, r"additive\_soft")[1] == DASH
    assert cells(table, r"additive\_soft")[2].startswith("31.0 ± 12.7 (n=2")
    assert cells(table, "uniform")[2].startswith("13.5 ± 19.1 (n=2")
    assert cells(table, r"dot\_soft")[1].startswith("61.0 (n=1")
    assert cells(table, r"dot\_soft")[2] == DASH


def test_a_mechanism_alone_is_not_called_best(two_tasks):
    assert "▲" not in cells(markdown_table(two_tasks), r"dot\_soft")[1]


def test_the_table_of_one_task_shows_everything_and_a_missing_value_as_dash(made):
    with_cost = made.record(signatures={"bleu": "nrefs:1|tok:none"})
    without = made.record(attention="dot_soft", cost={}, attention_quality={"entropy": None})
    table = markdown_table(compare(made.places(with_cost, without)))
    header = table.splitlines()[0]
    for title in ("Seeds", "BLEU", "NLL", "Entropy", "Parameters", "of them attention's", "Time (s)", "Step (ms)"):
        assert title in header
    assert cells(table, r"additive\_soft")[-4:] == ["1.2 M", "34 k", "35.2", "12.3"]
    assert cells(table, r"dot\_soft")[-5:] == [DASH] * 5
    assert "`nrefs:1|tok:none`" in table


def test_the_sentence_names_the_best_mean_and_the_control_and_claims_nothing(two_tasks):
    said = finding(two_tasks.tables[1])
    assert said == (
        "translation (phrases): additive_soft has the highest mean BLEU, 31.0 ± 12.7 (2 seeds); "
        "the control uniform has 13.5 ± 19.1 (2 seeds). "
        "Not established: that it is ahead of uniform (17.5 [11.1, 23.9]); a verdict takes 3 seeds."
    )


def compared(made, mechanisms, **changes):
    runs = [
        made.record(attention=name, seed=seed, value=value, **changes)
        for name, values in mechanisms.items()
        for seed, value in enumerate(values)
    ]
    return compare(made.places(*runs))


CLOSE = {"a_soft": [30.0, 31.0, 32.0], "b_soft": [28.9, 29.7, 30.8]}
OPEN = {"a_soft": [30.0, 31.0, 32.0], "b_soft": [25.0, 33.0, 30.0]}


def test_the_sentence_says_who_is_ahead_by_how_much_and_marks_it(made):
    comparison = compared(made, CLOSE)
    assert "a_soft is ahead of b_soft by 1.2 BLEU [1.0, 1.4], 3 seeds." in finding(comparison.tables[0])
    assert cells(markdown_table(comparison), r"a\_soft")[2].startswith("**31.0")
    assert "▲ 31.0" in drawn(comparison)


def test_what_is_not_established_is_never_marked(made, tmp_path):
    comparison = compared(made, OPEN)
    said = finding(comparison.tables[0])
    assert "Not established: that it is ahead of b_soft (1.7 [-7.1, 10.4])." in said
    assert "▲" not in markdown_table(comparison)
    table, _, caveat = drawn(comparison).rpartition("Mean ±")
    assert "▲" not in table
    assert "▲" in caveat
    assert 'class="best"' not in write_report(comparison, tmp_path).html.read_text("utf-8")


def test_where_lower_is_better_a_lead_is_told_above_0(made):
    said = finding(compared(made, CLOSE, better="lower").tables[0])
    assert "b_soft is ahead of a_soft by 1.2 BLEU [1.0, 1.4], 3 seeds." in said


def test_a_lead_in_percent_is_told_in_points_and_a_share_as_a_share(made):
    def said(scale: float) -> str:
        runs = [
            made.record("reading", name, seed, scale * value)
            for name, values in CLOSE.items()
            for seed, value in enumerate(values)
        ]
        return finding(compare(made.places(*runs)).tables[0])

    assert "a_soft is ahead of b_soft by 1.2 points of accuracy [1.0, 1.4], 3 seeds." in said(1)
    assert "a_soft is ahead of b_soft by 0.012 of accuracy [0.010, 0.014], 3 seeds." in said(0.01)


def test_how_pairs_are_to_be_read_follows_what_there_is(made):
    def told(mechanisms) -> str:
        return explanation(compared(made, mechanisms).tables[0])

    assert "One seed, and no interval" in told({"a_soft": [30.0], "b_soft": [20.0]})
    assert "a single pair" in told(CLOSE)
    three = told({**CLOSE, "c_soft": [20.0, 21.0, 25.0]})
    assert "corrected for all 3 pairs" in three
    assert "new seeds on this very test set" in three
    assert "swaps" not in three


def test_a_command_is_told_so_that_a_shell_takes_it(made):
    words = ["attention=additive_soft", "task.data.sizes={train: 16}", "name=$HOME's"]
    (run,) = compare(made.places(made.record(provenance={"overrides": words}))).runs
    assert shlex.split(command(run)) == ["attnbench", "run", *words]
    (run,) = compare(made.places(made.record(provenance={"command": ["attnbench", "run", *words]}))).runs
    assert shlex.split(command(run)) == ["attnbench", "run", *words]


def test_one_seed_tells_about_two_trained_models_and_is_no_win(made):
    comparison = compared(made, {"a_soft": [30.0], "b_soft": [20.0]})
    assert "one seed tells about these trained models, not about the mechanisms" in finding(comparison.tables[0])
    assert "▲" not in markdown_table(comparison)


def test_pairs_stand_in_markdown_page_and_csv(made, tmp_path):
    paths = write_report(compared(made, CLOSE), tmp_path)
    assert r"| a\_soft - b\_soft | 1.2 | \[1.0, 1.4\] |" in paths.markdown.read_text("utf-8").replace("\\-", "-")
    assert "<td>[1.0, 1.4]</td>" in paths.html.read_text("utf-8")
    (line,) = csv.DictReader(io.StringIO(paths.pairs.read_text("utf-8")))
    assert (line["first"], line["second"], line["seeds"], line["examples"]) == ("a_soft", "b_soft", "3", "")
    assert float(line["difference"]) == pytest.approx(1.2)
    assert line["verdict"] == "ahead"


def test_the_sentence_tells_ties_and_lower_is_better_and_a_control_ahead(made):
    def sentence(**values: float) -> str:
        runs = [made.record(attention=name, value=value, better="lower") for name, value in values.items()]
        return finding(compare(made.places(*runs)).tables[0])

    assert "a_soft and b_soft share the lowest mean BLEU" in sentence(a_soft=1.0, b_soft=1.0, uniform=2.0)
    assert "uniform, the control, has the lowest mean BLEU" in sentence(a_soft=3.0, uniform=2.0)


def test_markdown_lists_failed_cells_warnings_and_provenance(two_tasks, tmp_path):
    text = write_report(two_tasks, tmp_path).markdown.read_text("utf-8")
    assert r"reading (stories), dot\_soft, seed 1: loss is NaN \| at step 3" in text
    assert "1 of 6 cells failed" in text
    assert "Commit: abc123" in text
    assert r"checksum da7a" in text


def test_markup_in_records_stays_text_in_markdown(made, tmp_path):
    odd = made.record(attention="a|b", status="failed", measures={}, error="<b>x</b> [link](y)")
    text = write_report(compare(made.places(made.record(), odd)), tmp_path).markdown.read_text("utf-8")
    assert r"\<b\>x\</b\> \[link\](y)" in text
    assert r"| a\|b |" in text


def test_csv_gives_back_the_very_values(two_tasks, tmp_path):
    lines = list(csv.DictReader(io.StringIO(write_report(two_tasks, tmp_path).csv.read_text("utf-8"))))
    found = {(line["task"], line["mechanism"], line["group"], line["measure"]): line for line in lines}
    for table in two_tasks.tables:
        for row in table.rows:
            for group, part in (("measure", row.measures), ("attention", row.attention_quality), ("cost", row.cost)):
                for name, summary in part.items():
                    line = found.pop((table.task, row.mechanism, group, name))
                    assert float(line["mean"]) == summary.mean
                    assert (float(line["spread"]) if line["spread"] else None) == summary.spread
                    edges = [float(line[edge]) for edge in ("low", "high") if line[edge]]
                    assert edges == list(summary.interval or ())
                    assert int(line["seeds"]) == summary.seeds
                    by_seed = {int(pair.split("=")[0]): float(pair.split("=")[1]) for pair in line["by_seed"].split()}
                    assert by_seed == summary.by_seed
    assert not found


def test_the_terminal_shows_the_table_and_failed_cells_and_reads_no_markup(made):
    odd = made.record(attention="dot_hard", status="failed", measures={}, error="[bold]no[/bold] [/x]")
    text = drawn(compare(made.places(made.record(value=30.0), made.record(attention="uniform", value=12.0), odd)))
    assert "30.0" in text
    assert "[bold]no[/bold] [/x]" in text


def test_three_tasks_and_five_mechanisms_fit_a_terminal_of_80(made, tmp_path):
    from attnbench.benchmarks.record import find_records

    made.sweep(tmp_path)
    lines = drawn(compare(find_records([tmp_path]))).splitlines()
    assert any("additive_soft" in line and line.count("±") == 3 for line in lines)


@pytest.mark.parametrize("width", [40, 80, 120])
def test_tables_wider_than_a_terminal_go_on_below_with_their_mechanisms(made, width):
    tasks = [f"task{number}" for number in range(6)]
    runs = [made.record(task, name, value=30.0) for task in tasks for name in ("additive_soft", "uniform")]
    text = drawn(compare(made.places(*runs)), width)
    tables = text.partition(f"{tasks[0]} (some): ")[0].split("mechanism")[1:]
    assert len(tables) == {40: 6, 80: 2, 120: 2}[width]
    assert all(table.count("additive_soft") == table.count("uniform") == 1 for table in tables)
    assert "".join(tables).count("n=1 · 1.2 M · 35 s") == 12
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width


def test_what_would_steer_a_terminal_is_only_a_mark(made):
    odd = made.record(attention="a\x1b[31m\nb\u202ec", alarms=["x\x07\r\x9b1A"])
    failed = made.record(attention="dot_hard", status="failed", measures={}, error="no\x1b]0;title\x07")
    text = drawn(compare(made.places(odd, failed)))
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text)
    assert "a\ufffd[31m\ufffdb\ufffdc" in text


def test_cells_that_all_failed_make_a_report(made, tmp_path):
    comparison = compare(made.places(made.record(status="failed", primary="", measures={}, error="loss is NaN")))
    paths = write_report(comparison, tmp_path / "deep" / "report")
    assert all("loss is NaN" in path.read_text("utf-8") for path in (paths.html, paths.markdown))
    assert "loss is NaN" in drawn(comparison)


@pytest.mark.parametrize(
    ("value", "written"),
    [(34e3, "34 k"), (1_234_567.0, "1.23 M"), (999_999.0, "1 M"), (512.0, "512"), (2.5e9, "2.5 G")],
)
def test_amounts_are_short(value, written):
    assert amount(value) == written


def test_decimals_follow_the_field_and_missing_is_a_dash():
    assert [decimals(name, [31.0]) for name in ("bleu4", "bleu", "nll", "cider", "accuracy", "recall")] == [
        1,
        1,
        3,
        3,
        1,
        1,
    ]
    assert decimals("recall", [0.31]) == 3
    assert [fixed(None, 1), fixed(float("nan"), 1), fixed(-0.04, 1)] == [DASH, DASH, "0.0"]


@pytest.mark.parametrize("tasks", [WIDE, WIDE + 1])
def test_many_tasks_stand_below_each_other_with_the_same_cells(made, tasks):
    records = [
        made.record("translation", mechanism, data=f"part{part}", measures={"bleu": 10.0 * place + part})
        for part in range(tasks)
        for place, mechanism in enumerate(("dot_soft", "uniform"))
    ]
    comparison = compare(made.places(*records))
    table, page = markdown_table(comparison), drawn(comparison, width=200)
    many = tasks > WIDE
    assert table.startswith("| task | dot\\_soft | uniform |\n" if many else "| mechanism | translation (part0")
    assert ("task " if many else "mechanism ") in page
    if many:
        assert [cell.split(" ")[0] for cell in cells(table, r"translation (part3): BLEU ↑")[1:]] == ["3.0", "13.0"]
    else:
        assert [cell.split(" ")[0] for cell in cells(table, "uniform")[1:]] == [
            f"{10.0 + part}" for part in range(tasks)
        ]
