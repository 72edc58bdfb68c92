"""Every mechanism that conf/attention names, as a parameter of the tests that ask for `mechanism` or `factory`."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from typing import NamedTuple

import pytest
from hydra import compose, initialize_config_module
from hydra.core.global_hydra import GlobalHydra
from hydra.utils import instantiate
from omegaconf import DictConfig

from attnbench.attention import AttentionFactory
from attnbench.tasks.testing import LAWS


class Mechanism(NamedTuple):
    """A preset, or a score × a selection."""

    preset: str
    overrides: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "×".join(override.partition("=")[2] for override in self.overrides) or self.preset

    def factory(self) -> AttentionFactory:
        factory: AttentionFactory = instantiate(composed(self.preset, self.overrides))
        return factory


# What a part of a mechanism (the last part of a `_target_`, or of a `_target_` with an option) is not held to, and why.
EXCEPTIONS: dict[str, set[str]] = {}


def composed_choices(mechanism: Mechanism) -> set[str]:
    """The names of all classes that a mechanism is made of, alone and with each of their options as `Name(option=value)`."""
    found: set[str] = set()

    def walk(config: object) -> None:
        if isinstance(config, DictConfig):
            name = str(config.get("_target_", "")).rpartition(".")[2]
            found.update({name, *(f"{name}({key}={value})" for key, value in config.items())})
            for value in config.values():
                walk(value)

    walk(composed(mechanism.preset, mechanism.overrides))
    return found


@contextmanager
def configs() -> Iterator[None]:
    GlobalHydra.instance().clear()
    with initialize_config_module("attnbench.conf", version_base="1.3"):
        yield


@cache
def composed(preset: str, overrides: tuple[str, ...]) -> DictConfig:
    with configs():
        return compose(f"attention/{preset}", overrides=list(overrides)).attention


def names(group: str) -> list[str]:
    found = files("attnbench.conf").joinpath(group).iterdir()
    return sorted(file.name.removesuffix(".yaml") for file in found if file.name.endswith(".yaml"))


def accepted(mechanism: Mechanism) -> bool:
    try:
        mechanism.factory()(4, 6)
    except ValueError:
        return False
    return True


PRESETS = [Mechanism(preset) for preset in names("attention")]
PAIRS = [
    Mechanism("additive_soft", (f"attention/score={score}", f"attention/selection={selection}"))
    for score in names("attention/score")
    for selection in names("attention/selection")
]
REFUSED = [pair for pair in PAIRS if not accepted(pair)]
ACCEPTED = [mechanism for mechanism in PRESETS + PAIRS if mechanism not in REFUSED]


def exceptions(mechanism: Mechanism) -> set[str]:
    """The laws that the mechanism's parts are not held to, as `EXCEPTIONS` says."""
    chosen = composed_choices(mechanism)
    return {law for part, laws in EXCEPTIONS.items() if part in chosen for law in laws}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if {"law", "mechanism"} <= set(metafunc.fixturenames):
        held = "excepted" not in metafunc.function.__name__
        cases = [(law, m) for m in ACCEPTED for law in LAWS if (law in exceptions(m)) != held]
        metafunc.parametrize(("law", "mechanism"), cases, ids=[f"{mechanism}-{law}" for law, mechanism in cases])
        return
    for name, mechanisms in {"mechanism": ACCEPTED, "refused": REFUSED}.items():
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, mechanisms, ids=str)


@pytest.fixture
def factory(mechanism: Mechanism) -> AttentionFactory:
    return mechanism.factory()


@pytest.fixture
def value_dim(mechanism: Mechanism) -> int:
    """Heads project values, so they have to be told their size: that of the keys."""
    return 6 if "MultiHead" in composed_choices(mechanism) else 3


@pytest.fixture
def options() -> dict[str, list[str]]:
    return {group: names(group) for group in ("attention", "attention/score", "attention/selection")}


@pytest.fixture
def refused_names() -> list[str]:
    return sorted(map(str, REFUSED))
