"""What a mechanism is called: a preset's name where the resolved config is that preset's, whatever way it was asked for."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from hydra import compose
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

Config = Mapping[str, Any]


def config_loader() -> ConfigLoader:
    """The loader of the Hydra that is running."""
    return GlobalHydra.instance().config_loader()


def composed(name: str, overrides: list[str]) -> Config:
    """A preset's resolved config, found where the running Hydra finds its own."""
    searched = [word for word in HydraConfig.get().overrides.hydra if word.startswith("hydra.searchpath=")]
    return resolved(name, (*overrides, *searched), tuple(map(str, config_loader().get_sources())))


@cache
def resolved(name: str, overrides: tuple[str, ...], _sources: tuple[str, ...]) -> Config:
    """A preset's resolved config, made once for the same sources: a sweep asks for all presets at every cell."""
    whole = compose(f"attention/{name}", overrides=list(overrides))
    config = OmegaConf.to_container(whole.attention, resolve=True)
    assert isinstance(config, dict)
    return {str(key): value for key, value in config.items()}


def flat(config: Config, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every leaf with its dotted key."""
    for key, value in config.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def mechanism_name(config: Config, choices: Mapping[str, str]) -> str:
    """The preset's name; else `score × selection` as chosen; with what was overridden in brackets."""
    presets = config_loader().get_group_options("attention")
    for preset in presets:
        if composed(preset, []) == config:
            return preset
    picked = [f"{key}={choices[key]}" for key in ("attention/score", "attention/selection") if key in choices]
    preset = choices["attention"]
    reference = composed(preset, picked)
    if reference == composed(preset, []):
        name = preset
    else:
        name = next(
            (p for p in presets if composed(p, []) == reference), " × ".join(p.partition("=")[2] for p in picked)
        )
    standard = dict(flat(reference))
    changed = [f"{key}={value}" for key, value in flat(config) if standard.get(key) != value]
    return f"{name} [{', '.join(changed)}]" if changed else name
