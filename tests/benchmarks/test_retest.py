"""`attnbench test`: a run's model tested again on another split, or by another search."""

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest

from attnbench.benchmarks.cli import main
from attnbench.benchmarks.record import find_records, read_record

SENTENCES = {"train": 40, "val": 6, "test_2016_flickr": 7, "test_2017_flickr": 5}
RUN = ["task=translation", "task/data=multi30k", "attention=additive_soft", "task.model.limit=8", "task.least_count=1"]
SMALL = ["budget.epochs=1", "budget.width=8", "budget.learning_rate=0.03", "trainer=cpu"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files as Multi30k's, small."""
    root = tmp_path_factory.mktemp("data")
    (root / "multi30k" / "tok").mkdir(parents=True)
    for stem, count in SENTENCES.items():
        for language, words in (("en", "abcde"), ("de", "vwxyz")):
            lines = [" ".join(words[(n + k) % 5] for k in range(2 + n % 3)) for n in range(count)]
            text = "".join(f"{line}\n" for line in lines)
            (root / "multi30k" / "tok" / f"{stem}.{language}.gz").write_bytes(gzip.compress(text.encode()))
    return root


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on the first test split."""
    out = tmp_path_factory.mktemp("runs")
    main(["run", *RUN, *SMALL, f"data_dir={data}", f"out={out}"])
    (folder,) = find_records([out])
    return folder


def again(run: Path, data: Path, out: Path, *changes: str) -> Path:
    main(["test", str(run), *changes, "--out", str(out), "--data-dir", str(data)])
    (folder,) = find_records([out])
    return folder


def test_the_same_test_says_the_same(run: Path, data: Path, tmp_path: Path) -> None:
    first, second = read_record(run), read_record(again(run, data, tmp_path))
    assert second.data == first.data == "multi30k"
    assert second.measures == pytest.approx(dict(first.measures))
    assert second.attention_quality == pytest.approx(dict(first.attention_quality))


def test_another_split_is_what_a_run_on_it_comes_to(run: Path, data: Path, tmp_path: Path) -> None:
    folder = again(run, data, tmp_path / "again", "task.data.test=test_2017_flickr")
    found = read_record(folder)
    main(["run", *RUN, *SMALL, f"data_dir={data}", f"out={tmp_path / 'anew'}", "task.data.test=test_2017_flickr"])
    ((other, anew),) = find_records([tmp_path / "anew"]).items()
    assert found.data == anew.data == "multi30k_2017_flickr"
    assert found.measures == pytest.approx(dict(anew.measures))
    assert found.provenance["data_checksum"] == anew.provenance["data_checksum"]
    assert found.provenance["tested"]["run"] == read_record(run).cell != found.cell
    said: list[dict[str, Any]] = [json.loads((place / "examples.json").read_text()) for place in (folder, other)]
    assert said[0]["said"] == said[1]["said"]
    assert len(said[0]["said"]) == SENTENCES["test_2017_flickr"]


def test_a_record_of_it_is_compared_in_a_table_of_its_own(
    run: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    again(run, data, tmp_path / "again", "task.data.test=test_2017_flickr")
    main(["compare", str(run), str(tmp_path / "again"), "--out", str(tmp_path / "report")])
    page = (tmp_path / "report" / "report.md").read_text()
    assert "multi30k_2017_flickr" in page.replace("\\_", "_")
    assert "translation (multi30k)" in page


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["budget.epochs=3"], "budget.epochs=3: must be KEY=VALUE of the task"),
        (["task.data.test"], "task.data.test: must be KEY=VALUE of the task"),
        (["task.data.tset=x"], "tset=x: the run of .* has no such option"),
        (["task.data.most_words=many"], r"task\.data\.most_words=many: must be a whole number"),
        (["task.data.test=test_2018"], "test=test_2018: must be one of test_2016_flickr"),
    ],
)
def test_what_cannot_be_changed_is_refused(
    run: Path, data: Path, tmp_path: Path, changes: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        again(run, data, tmp_path, *changes)
    assert ended.value.code == 1
    (line,) = capsys.readouterr().err.strip().splitlines()[-1:]
    assert re.search(message, line)
