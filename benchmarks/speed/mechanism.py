"""Which mechanisms are measured: composed by Hydra from the same configs as a run's."""

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from hydra import compose, initialize_config_module
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from attnbench.attention import Attention
from attnbench.benchmarks.errors import InputError, explain
from attnbench.benchmarks.mechanism import config_loader, mechanism_name
from attnbench.benchmarks.options import check_options
from attnbench.benchmarks.plugins import register

OURS = re.compile(r"[+~]*attention([/.@][^=]*)?=")


class Mechanism(NamedTuple):
    """A mechanism's name and resolved config; `keep` names the keys that the user has set."""

    name: str
    config: Mapping[str, Any]
    keep: frozenset[str] = frozenset()

    @property
    def has_kernels(self) -> bool:
        """Whether the config offers a choice of kernels."""
        return holds(self.config, "kernel")

    def build(self, hidden: int, *, kernel: str | None = None) -> Attention:
        """The attention, as wide as its inputs unless the user said otherwise. Raises InputError."""
        values = {} if "hidden_dim" in self.keep else {"hidden_dim": hidden}
        if kernel is not None:
            values["kernel"] = kernel  # type: ignore[assignment]
        try:
            config = OmegaConf.create(replaced(self.config, values))
            assert isinstance(config, DictConfig)
            check_options(config)
            factory: partial[Attention] = instantiate(config)
            return factory(query_dim=hidden, key_dim=hidden)
        except Exception as error:
            raise InputError(f"{self.name} at hidden={hidden}: {explain(error)}") from error


def holds(config: Any, name: str) -> bool:
    """Whether the config has the key, at any depth."""
    return isinstance(config, Mapping) and (name in config or any(holds(value, name) for value in config.values()))


def replaced(config: Any, values: Mapping[str, Any]) -> Any:
    """The config with the values of these keys, wherever they stand."""
    if not isinstance(config, Mapping):
        return config
    return {key: values[key] if key in values else replaced(inner, values) for key, inner in config.items()}


def mechanisms(words: Sequence[str]) -> list[Mechanism]:
    """The mechanisms that the overrides name: commas and glob make several. Raises InputError and Hydra's errors."""
    for word in words:
        if not OURS.match(word):
            raise InputError(
                f"{word}: speed reads attention=NAME,..., attention/score=..., attention.KEY=..., --options"
            )
        if re.match(r"[^=]*\.kernel=", word):
            raise InputError(f"{word}: speed measures every kernel beside the others; leave it out")
    register()
    with initialize_config_module("attnbench.conf", version_base="1.3", job_name="speed"):
        parsed = OverridesParser.create(config_loader()).parse_overrides(list(words))
        (products,) = BasicSweeper.split_arguments(parsed, None)
        return list({found.name: found for found in map(composed, products)}.values())


def composed(overrides: list[str]) -> Mechanism:
    """One mechanism."""
    whole = compose("run", overrides=overrides, return_hydra_config=True)
    HydraConfig.instance().set_config(whole)
    config = OmegaConf.to_container(whole.attention, resolve=True)
    assert isinstance(config, dict)
    resolved = {str(key): value for key, value in config.items()}
    choices = {str(key): str(value) for key, value in whole.hydra.runtime.choices.items()}
    keys = frozenset(word.partition("=")[0].rpartition(".")[2] for word in overrides)
    return Mechanism(mechanism_name(resolved, choices), resolved, keys)
