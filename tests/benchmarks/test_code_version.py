"""The code's version: it follows what a cell imports, and nothing else."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from attnbench.benchmarks.code_version import code_version, digest, imported, targets

TRANSLATION = {"task": {"_target_": "attnbench.tasks.translation.Translation"}}
READING = {"task": {"_target_": "attnbench.tasks.reading.Reading"}}


def test_other_parts_have_another_version() -> None:
    assert code_version(TRANSLATION) == code_version(TRANSLATION)
    assert code_version(TRANSLATION) != code_version(READING)
    with_score = {**TRANSLATION, "score": {"_target_": "attnbench.attention.score.additive.Additive"}}
    assert code_version(with_score) != code_version(TRANSLATION)


def test_every_target_is_found_however_deep() -> None:
    assert set(targets({"a": {"_target_": "x.Y", "b": [{"_target_": "z.W"}]}, "c": 3})) == {"x.Y", "z.W"}


def test_imports_are_found_inside_functions_too() -> None:
    source = b"import a.b\nfrom c import d\ndef f():\n    from e import g\n"
    assert {"a.b", "c", "c.d", "e", "e.g"} == set(imported(source))


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package of two modules, one of which imports the other; a third stands beside them."""
    folder = tmp_path / "some_plugin"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "task.py").write_text("from some_plugin.part import number\n\nclass Task: pass\n")
    (folder / "part.py").write_text("number = 1\n")
    (folder / "alone.py").write_text("number = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield folder
    for name in [name for name in sys.modules if name.partition(".")[0] == "some_plugin"]:
        del sys.modules[name]


def version() -> str:
    digest.cache_clear()
    return code_version({"task": {"_target_": "some_plugin.task.Task"}})


@pytest.mark.parametrize(("changed", "same"), [("part.py", False), ("task.py", False), ("alone.py", True)])
def test_a_plugins_version_follows_what_it_imports(plugin: Path, changed: str, same: bool) -> None:
    before = version()
    with (plugin / changed).open("a") as file:
        file.write("other = 2\n")
    assert (version() == before) is same
