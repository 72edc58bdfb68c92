"""The house: which way imports point, what configs and files look like."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from hydra.utils import get_object
from omegaconf import OmegaConf

HOUSE = Path(__file__).resolve().parents[1]
LONGEST = 250
BELOW = {
    "attention": {"attention"},
    "tasks": {"attention", "tasks"},
    "benchmarks": {"attention", "tasks", "benchmarks"},
}
OURS = ("attention", "tasks", "benchmarks", "conf", "tests", "examples", "docs", ".github", ".ci")
TEXT = {".py", ".yaml", ".yml", ".md", ".toml", ".txt", ".json", ".csv", ".html", ".cfg", ""}
BUILT = {"__pycache__", ".venv", "dist", "build"}


def files(*folders: str, ending: str = "") -> Iterator[Path]:
    for folder in folders:
        for path in sorted((HOUSE / folder).rglob(f"*{ending}")):
            if (
                path.is_file()
                and not BUILT & set(path.parts)
                and not any(part.endswith(".egg-info") for part in path.parts)
            ):
                yield path


def named(path: Path) -> str:
    return path.relative_to(HOUSE).as_posix()


CODE = list(files("attention", "tasks", "benchmarks", ending=".py"))
CONFIGS = list(files("conf", ending=".yaml"))


def imported(path: Path) -> Iterator[str]:
    """Every module that a file imports, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{named(path)}: a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", CODE, ids=named)
def test_imports_point_one_way(path: Path) -> None:
    floor = path.relative_to(HOUSE).parts[0]
    ours = [name.split(".")[1] for name in imported(path) if name.startswith("attnbench.")]
    wrong = [name for name in ours if name in {"attention", "tasks", "benchmarks"} - BELOW[floor]]
    assert not wrong, f"{named(path)} imports {wrong}; {floor} may import {sorted(BELOW[floor])} alone"
    plain = [name for name in imported(path) if name.split(".")[0] in BELOW]
    assert not plain, f"{named(path)} imports {plain} without attnbench in front"


def targets(config: object) -> Iterator[str]:
    """Every _target_ of a config."""
    if isinstance(config, dict):
        if "_target_" in config:
            yield config["_target_"]
        for value in config.values():
            yield from targets(value)
    elif isinstance(config, list):
        for value in config:
            yield from targets(value)


@pytest.mark.parametrize("path", CONFIGS, ids=named)
def test_config_begins_with_a_comment_that_says_what_it_is(path: Path) -> None:
    lines = [line for line in path.read_text("utf-8").splitlines() if not line.startswith("# @package")]
    assert lines[0].startswith("# "), f"{named(path)}: `attnbench list` shows the first comment, and there is none"
    assert len(lines[0]) > len("# a word")


@pytest.mark.parametrize("path", CONFIGS, ids=named)
def test_config_names_things_that_exist_on_its_floor(path: Path) -> None:
    for target in targets(OmegaConf.to_container(OmegaConf.load(path), resolve=False)):
        assert get_object(target) is not None
        if path.relative_to(HOUSE).parts[1] == "attention":
            assert not target.startswith(("attnbench.tasks", "attnbench.benchmarks")), f"{named(path)} names {target}"


@pytest.mark.parametrize("path", [*CODE, *files("examples", "docs", ending=".py")], ids=named)
def test_file_is_short(path: Path) -> None:
    lines = len(path.read_text("utf-8").splitlines())
    assert lines <= LONGEST, f"{named(path)} has {lines} lines: it holds more than one idea"


@pytest.mark.parametrize("path", CODE, ids=named)
def test_file_says_what_it_is(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text("utf-8"))), f"{named(path)} has no docstring"


def loads(path: Path) -> Iterator[ast.Call]:
    """Every call of torch.load in a file."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load":
            yield node


def test_checkpoints_are_loaded_as_weights_only() -> None:
    for path in CODE:
        for call in loads(path):
            safe = any(word.arg == "weights_only" and ast.unparse(word.value) == "True" for word in call.keywords)
            assert safe, (
                f"{named(path)}: line {call.lineno}: torch.load without weights_only=True runs what a file says"
            )


def test_no_file_names_a_folder_of_somebodys_machine() -> None:
    places = [f"/{name}/" for name in ("work", "home", "root", "Users")]
    top = [path for path in HOUSE.iterdir() if path.is_file() and path.name != ".git"]  # a worktree names its own
    for path in [*files(*OURS), *top]:
        if path.suffix in TEXT and path != Path(__file__):
            text = path.read_text("utf-8", errors="ignore")
            assert not [place for place in places if place in text], f"{named(path)} names a folder of one machine"
