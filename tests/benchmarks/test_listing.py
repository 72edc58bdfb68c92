"""What there is to choose from, and what the machine has."""

from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest

from attnbench.benchmarks import plugins
from attnbench.benchmarks.cli import main
from attnbench.benchmarks.listing import GROUPS, options


@pytest.mark.parametrize("group", GROUPS)
def test_every_choice_has_a_line_that_says_what_it_is(group: str) -> None:
    assert options(group)
    assert all(len(description) > 10 for description in options(group).values())


def test_the_list_names_presets_and_tasks(capsys: pytest.CaptureFixture[str]) -> None:
    main(["list"])
    told = capsys.readouterr().out
    for name in ("additive_hard", "captioning", "multi30k", "rnnsearch", "quickstart", "softmax"):
        assert name in told


def test_an_installed_plugins_choices_are_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "brought" / "conf" / "task"
    folder.mkdir(parents=True)
    (folder / "summaries.yaml").write_text("# @package _global_\n# Summaries: brought from outside\n")
    monkeypatch.syspath_prepend(tmp_path)
    entry = EntryPoint("mine", "brought", plugins.GROUP)
    monkeypatch.setattr(plugins.metadata, "entry_points", lambda group: EntryPoints([entry]).select(group=group))
    assert options("task")["summaries"] == "Summaries: brought from outside"


def test_the_doctor_names_data_that_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "babi" / "en").mkdir(parents=True)
    main(["doctor", "--data-dir", str(tmp_path)])
    told = {line[:28].strip(): line[28:].strip() for line in capsys.readouterr().out.splitlines()}
    assert told["babi/en"] == "found"
    assert told["multi30k/tok/train.en.gz"] == "missing"
    assert told["torch"]
