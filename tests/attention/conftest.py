"""Every mechanism that conf/attention names, as a parameter of the tests that ask for `mechanism` or `factory`."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from importlib.resources import files
from typing import NamedTuple

import pytest
from hydra import compose, initialize_config_module
from hydra.core.global_hydra import GlobalHydra
from hydra.utils import instantiate
from omegaconf import DictConfig

from attnbench.attention import AttentionFactory
from attnbench.tasks.testing import LAWS, Subject


class Mechanism(NamedTuple):
    """A preset, or a score × a selection."""

    preset: str
    overrides: tuple[str, ...] = ()

    def __str__(self) -> str:
        chosen = [override for override in self.overrides if override.startswith("attention/")]
        name = "×".join(override.partition("=")[2] for override in chosen)
        return f"heads of {name}" if name and self.preset == "transformer" else name or self.preset

    def factory(self) -> AttentionFactory:
        factory: AttentionFactory = instantiate(composed(self.preset, self.overrides))
        return factory


# What a part of a mechanism (the last part of a `_target_`, or of a `_target_` with an option), or several together, are not
# held to, and why.
EXCEPTIONS: dict[str, set[str]] = {
    # These read positions.
    "Location": {"permuting_memory_permutes_weights"},
    "LocalM": {"permuting_memory_permutes_weights"},
    "LocalP": {"permuting_memory_permutes_weights"},
    "LocationSensitive": {"permuting_memory_permutes_weights"},
    # Its weights are damped after normalisation, as the paper has it.
    "Damped": {"permuting_memory_permutes_weights", "weights_sum_to_one"},
    # A one-hot choice that passes the gradient of something else: that is its point.
    "Gumbel(straight_through=True)": {"gradients_are_exact"},
    # They read in order, and may run off the end.
    "Monotonic": {"permuting_memory_permutes_weights", "weights_sum_to_one"},
    "Chunkwise": {"permuting_memory_permutes_weights", "weights_sum_to_one"},
    # Values are projected, for each head and after.
    "composed_heads": {"context_is_the_weighted_mean_of_values"},
    # The mean over heads does not tell which head drew what; tests of heads do.
    "composed_heads Hard": {"draws_follow_log_prob", "queries_draw_independently"},
}

# Options that let a mechanism show on memories of five positions what it does.
SMALL: dict[str, tuple[str, ...]] = {
    "local_m": ("attention.score.half_width=1",),
    "local_p": ("attention.score.half_width=1",),
    "location": ("attention.score.longest=4",),
    "location_sensitive": ("attention.score.width=3", "attention.score.hidden_dim=8"),
    "luong_local_m": ("attention.score.half_width=1",),
    "luong_local_p": ("attention.half_width=2",),
    "luong_location": ("attention.score.longest=4",),
    "top_k": ("attention.selection.k=2",),
    "monotonic": ("attention.selection.offset=0.2",),  # from where it starts, untrained scores seldom stop it
    "chunkwise": ("attention.selection.offset=0.2", "attention.selection.width=2"),
    "additive_top_k": ("attention.selection.k=2",),
    "mocha": ("attention.selection.offset=0.2", "attention.selection.width=2"),
}


def small(*choices: str) -> list[str]:
    """The options of the choices on small memories."""
    return [option for choice in choices for option in SMALL.get(choice, ())]


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


def is_other_name(preset: str) -> bool:
    """Whether an earlier preset has the same config: what has two names is not held to everything twice."""
    earlier = [name for name in names("attention") if name < preset]
    return any(composed(name, ()) == composed(preset, ()) for name in earlier)


PRESETS = [Mechanism(preset, SMALL.get(preset, ())) for preset in names("attention") if not is_other_name(preset)]
PAIRS = [
    Mechanism(
        "additive_soft", (f"attention/score={score}", f"attention/selection={selection}", *small(score, selection))
    )
    for score in names("attention/score")
    for selection in names("attention/selection")
]
HEADS = [
    Mechanism("transformer", (f"attention/score={score}", f"attention/selection={selection}", *small(score, selection)))
    for score, selection in (("additive", "hard"), ("coverage", "softmax"), ("dot", "gumbel_relaxed"))
]
REFUSED = [pair for pair in PAIRS if not accepted(pair)]
ACCEPTED = [mechanism for mechanism in PRESETS + PAIRS + HEADS if mechanism not in REFUSED]


def exceptions(mechanism: Mechanism) -> set[str]:
    """The laws that the mechanism's parts are not held to, as `EXCEPTIONS` says."""
    chosen = composed_choices(mechanism)
    return {law for parts, laws in EXCEPTIONS.items() if set(parts.split()) <= chosen for law in laws}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if {"law", "mechanism"} <= set(metafunc.fixturenames):
        held = "excepted" not in metafunc.function.__name__
        cases = [(law, m) for m in ACCEPTED for law in LAWS if (law in exceptions(m)) != held]
        metafunc.parametrize(("law", "mechanism"), cases, ids=[f"{mechanism}-{law}" for law, mechanism in cases])
        return
    single = [mechanism for mechanism in ACCEPTED if mechanism.preset != "transformer"]
    met = single if "plain_loop" in metafunc.function.__name__ else ACCEPTED
    for name, mechanisms in {"mechanism": met, "refused": REFUSED}.items():
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, mechanisms, ids=str)


@pytest.fixture
def factory(mechanism: Mechanism) -> AttentionFactory:
    return mechanism.factory()


@pytest.fixture
def subject(mechanism: Mechanism, factory: AttentionFactory) -> Subject:
    """Heads share out the keys' size among them, and take values of that size alone."""
    many = "composed_heads" in composed_choices(mechanism)
    return Subject(factory, key_dim=8, value_dim=8) if many else Subject(factory)


@pytest.fixture
def configured() -> Callable[[], AbstractContextManager[None]]:
    return configs


@pytest.fixture
def preset_configs() -> dict[str, object]:
    return {name: composed(name, ()) for name in names("attention")}


@pytest.fixture
def options() -> dict[str, list[str]]:
    return {group: names(group) for group in ("attention", "attention/score", "attention/selection")}


@pytest.fixture
def refused_names() -> list[str]:
    return sorted(map(str, REFUSED))
