"""What there is to choose from: every config group's files, with the first comment line of each."""

from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable

from attnbench.benchmarks.plugins import plugin_packages

OURS = "attnbench.conf"
GROUPS = {
    "task": "tasks",
    "task/data": "data",
    "task/model": "models",
    "task/encoder": "image encoders",
    "task/units": "units of text",
    "attention": "attention presets",
    "attention/score": "scores",
    "attention/selection": "selections",
    "estimator": "estimators",
    "optimizer": "optimizers",
    "trainer": "trainers",
    "logger": "loggers",
    "launcher": "launchers of sweeps",
    "experiment": "experiments",
}


def folders(group: str) -> Iterator[Traversable]:
    """The group's folder in our package and in every plugin that has one."""
    for package in (OURS, *plugin_packages()):
        folder = files(package).joinpath(group)
        if folder.is_dir():
            yield folder


def description(text: str) -> str:
    """The first comment of a config that is no directive."""
    comments = (line.lstrip("# ").strip() for line in text.splitlines() if line.startswith("#"))
    return next((comment for comment in comments if not comment.startswith("@package")), "")


def options(group: str) -> dict[str, str]:
    """A group's choices with their descriptions, in alphabetical order."""
    found = {
        file.name.removesuffix(".yaml"): description(file.read_text("utf-8"))
        for folder in folders(group)
        for file in folder.iterdir()
        if file.name.endswith(".yaml")
    }
    return dict(sorted(found.items()))
