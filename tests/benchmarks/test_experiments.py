"""Experiments: every file composes, names what exists, and asks for what its description says."""

import math
from collections.abc import Sequence

import pytest
import torch
from hydra import compose, initialize_config_module
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.utils import get_class, instantiate
from omegaconf import DictConfig, OmegaConf

from attnbench.attention import Attention
from attnbench.benchmarks.cell import ALSO, DECIDING
from attnbench.benchmarks.launchers.launcher import Launcher
from attnbench.benchmarks.listing import options
from attnbench.benchmarks.training import PROBE


def split(params: list[str], loader: ConfigLoader) -> list[dict[str, str]]:
    """The choices of every cell of the sweep's product."""
    (batch,) = BasicSweeper.split_arguments(OverridesParser.create(loader).parse_overrides(params), None)
    return [dict(word.split("=", 1) for word in job) for job in batch]


def cells(name: str) -> list[dict[str, str]]:
    """The choices of every cell of an experiment."""
    with initialize_config_module("attnbench.conf", version_base="1.3"):
        whole = compose("run", overrides=[f"experiment={name}"], return_hydra_config=True)
        assert whole.hydra.mode.name == "MULTIRUN"
        params = OmegaConf.to_container(whole.hydra.sweeper.params)
        assert isinstance(params, dict)
        return split([f"{key}={value}" for key, value in params.items()], GlobalHydra.instance().config_loader())


def composed(name: str, asked: Sequence[dict[str, str]]) -> list[DictConfig]:
    """The config of the experiment's first cell, and of all that differ from it in one choice alone."""
    near = [job for job in asked if sum(job[key] != asked[0][key] for key in job) <= 1]
    with initialize_config_module("attnbench.conf", version_base="1.3"):
        words = [[f"{key}={value}" for key, value in job.items()] for job in near]
        return [compose("run", overrides=[f"experiment={name}", *job]) for job in words]


@pytest.mark.parametrize("name", options("experiment"))
def test_an_experiment_composes_to_what_it_names(name: str) -> None:
    """Each cell is another one, has no key that nothing reads, and a mechanism that can be built."""
    asked = cells(name)
    configs = composed(name, asked)
    assert len(configs) > 1
    assert len({OmegaConf.to_yaml(config) for config in configs}) == len(configs)
    for config in configs:
        assert set(map(str, config)) == {*DECIDING, *ALSO}
        attention = OmegaConf.to_container(config.attention, resolve=True)
        with torch.device("meta"):
            assert isinstance(instantiate(attention)(PROBE, PROBE), Attention)
        instantiate(config.budget)


def names(choices: list[dict[str, str]], group: str) -> set[str]:
    return {choice[group] for choice in choices}


def test_scores_and_selections_ask_for_all_there_are_on_every_embedded_task() -> None:
    scores, selections = cells("scores"), cells("selections")
    assert names(scores, "attention/score") == set(options("attention/score"))
    assert names(selections, "attention/selection") == set(options("attention/selection")) - {
        "uniform"
    }  # reads no score
    for asked, group in ((scores, "attention/score"), (selections, "attention/selection")):
        assert names(asked, "task") == {"captioning", "translation", "reading"}
        assert len(asked) == math.prod(len(names(asked, key)) for key in ("task", "seed", group))
    (softmax,) = {config.attention.selection["_target_"] for config in composed("scores", scores[:2])}
    (additive,) = {config.attention.score["_target_"] for config in composed("selections", selections[:2])}
    assert (softmax.rpartition(".")[2], additive.rpartition(".")[2]) == ("Softmax", "Additive")


@pytest.mark.parametrize("name", options("launcher"))
def test_a_launcher_names_one(name: str) -> None:
    with initialize_config_module("attnbench.conf", version_base="1.3"):
        config = compose("run", overrides=[f"launcher={name}"]).launcher
    assert issubclass(get_class(config["_target_"]), Launcher)
