"""What is published of runs: finished records, and of data that is not ours nothing but counts."""

import pytest

from attnbench.benchmarks.compare import compare
from attnbench.benchmarks.publish import main, publish
from attnbench.benchmarks.record import find_records

ODD = {"caption twice": {"count": 2, "kept": {"train": 2}, "first": ["a dog in the snow"]}}


@pytest.mark.parametrize("examples", [False, True])
def test_finished_records_are_copied_and_data_goes_along_on_request_alone(made, tmp_path, examples):
    made.sweep(tmp_path / "runs", seeds=(0,))
    kept = made.keep(tmp_path / "runs", made.record("captioning", "dot_hard", findings=ODD))
    made.keep(tmp_path / "runs", made.record("captioning", "dot_soft", status="failed", error="loss is NaN"))
    before = {record.cell for record in find_records([tmp_path / "runs"]).values() if record.finished}
    main(["--to", str(tmp_path / "out"), str(tmp_path / "runs"), *(["--examples"] if examples else [])])
    after = find_records([tmp_path / "out"])
    assert {record.cell for record in after.values()} == before
    names = {path.name for path in (tmp_path / "out").rglob("*.json")}
    assert names == ({"record.json", "examples.json", "exhibits.json"} if examples else {"record.json"})
    (copied,) = (record for folder, record in after.items() if folder.name == kept.name)
    assert copied.findings["caption twice"]["count"] == 2
    text = "".join(path.read_text("utf-8") for path in (tmp_path / "out").rglob("record.json"))
    assert ("a dog in the snow" in text) is examples


def test_records_are_found_again_when_they_are_published_twice(made, tmp_path):
    made.keep(tmp_path / "runs", made.record())
    once = publish([tmp_path / "runs"], tmp_path / "out", examples=False)
    again = publish([tmp_path / "runs"], tmp_path / "out", examples=False)
    assert once == again
    assert len(find_records([tmp_path / "out"])) == 1


def test_folders_have_names_that_any_system_takes(made, tmp_path):
    made.keep(tmp_path / "runs", made.record(attention="scaled_dot × softmax [score.project=always]"))
    (folder,) = publish([tmp_path / "runs"], tmp_path / "out", examples=False)
    assert folder.parent.name == "scaled_dot-softmax-score.project=always"
    assert find_records([folder])[folder].attention == "scaled_dot × softmax [score.project=always]"


def test_each_table_has_a_folder_of_its_own(made, tmp_path):
    cells = [
        ("translation", {}),
        ("reading", {"model": "small"}),
        ("reading", {"model": "large"}),
        ("reading", {"data": "x"}),
    ]
    for task, changes in cells:
        for mechanism in ("additive_soft", "dot_soft"):
            made.keep(tmp_path / "runs", made.record(task, mechanism, **changes))
    publish([tmp_path / "runs"], tmp_path / "out", examples=False)
    folders = list((tmp_path / "out").iterdir())
    assert len(folders) == len(cells) == len(compare(find_records([tmp_path / "out"])).tables)
    for folder in folders:
        (table,) = compare(find_records([folder])).tables
        assert {row.mechanism for row in table.rows} == {"additive_soft", "dot_soft"}
