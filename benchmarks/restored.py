"""A finished run's task and model, built again from the files in its folder."""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from hydra.utils import get_object, instantiate
from omegaconf import DictConfig, OmegaConf
from torchvision.models import get_model_weights, list_models

from attnbench.benchmarks.code_version import targets
from attnbench.benchmarks.errors import InputError
from attnbench.benchmarks.matching import resized
from attnbench.benchmarks.options import check_options, options_of, parts
from attnbench.benchmarks.plugins import plugin_packages
from attnbench.benchmarks.record import Record, read_record
from attnbench.tasks.base import Model, Task
from attnbench.tasks.captioning.encoder.weights import IMAGENET

OURS = ("attnbench.attention", "attnbench.tasks")  # what a run's task and attention are made of; plugins besides
STATE = "_extra_state"  # what a model's checkpoint calls what it kept
Values = dict[str, Any]


class Restored(NamedTuple):
    """What a run left: its record, its task, the model as it was tested."""

    record: Record
    task: Task
    model: Model


def restored(folder: Path, places: Mapping[str, str | None], changes: Mapping[str, Any]) -> Restored:
    """The run of that folder. `places` says where things lie on this machine, `changes` are dotted keys of its config.

    Raises RecordError, InputError where the folder is no finished run's, or names code that is neither ours nor a plugin's.
    """
    record = read_record(folder)
    folder = folder if folder.is_dir() else folder.parent
    if not record.finished:
        raise InputError(f"{folder}: its run failed ({record.error}); give the folder of a finished one")
    config, values = read_config(folder / "config.yaml"), read_values(folder / "best.ckpt")
    refuse_foreign(config)
    for key, value in changes.items():
        if OmegaConf.select(config, key, default=key) == key:
            raise InputError(f"{key.rpartition('.')[2]}={value}: the run of {folder} has no such option")
        OmegaConf.update(config, key, value)
    settle(config.task, places)
    check_options(config.task)
    check_options(config.attention)
    attention = OmegaConf.to_container(config.attention)
    assert isinstance(attention, dict)
    sizes = (record.matching or {}).get("sizes", {})
    task: Task = instantiate(config.task)
    task.recall(values.get(STATE, {}))
    with torch.random.fork_rng(devices=[]):
        model = task.model(instantiate(resized({str(key): value for key, value in attention.items()}, sizes)))
    try:
        model.load_state_dict({STATE: {}, **values})
    except RuntimeError as error:
        reason = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
        raise InputError(f"{folder}: its weights do not fit the data or the code of today ({reason})") from None
    return Restored(record, task, model.eval())


def read_config(path: Path) -> DictConfig:
    """A run's resolved config. Raises InputError."""
    if not path.is_file():
        raise InputError(f"{path}: no such file; give the folder of a finished run")
    config = OmegaConf.load(path)
    if not isinstance(config, DictConfig) or not {"task", "attention"} <= set(map(str, config)):
        raise InputError(f"{path}: no run's config; it has no task and attention")
    return config


def read_values(path: Path) -> Values:
    """The model's values in a checkpoint. Raises InputError where there is none that can be read."""
    if not path.is_file():
        raise InputError(f"{path}: no such file; the run has no checkpoint, run its cell again")
    try:
        kept = torch.load(path, map_location="cpu", weights_only=True)["state_dict"]
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, TypeError, pickle.UnpicklingError):
        raise InputError(f"{path}: damaged, or no checkpoint; run its cell again") from None
    return {name.removeprefix("model."): value for name, value in kept.items() if name.startswith("model.")}


def refuse_foreign(config: DictConfig) -> None:
    """Raises InputError where task or attention would be built by anything but this project or an installed plugin.

    A run's folder may come from anywhere, and building runs what its config names.
    """
    allowed = (*OURS, *(package.removesuffix(".conf") for package in plugin_packages()))
    container = OmegaConf.to_container(config)
    assert isinstance(container, dict)
    for target in targets({key: container[key] for key in ("task", "attention")}):
        home = target if not belongs(target, allowed) else str(getattr(get_object(target), "__module__", None))
        if not belongs(home, allowed):
            raise InputError(f"_target_={target}: neither part of attention-bench nor of an installed plugin")


def belongs(name: str, packages: tuple[str, ...]) -> bool:
    """Whether a dotted name is below one of the packages."""
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def settle(config: DictConfig, places: Mapping[str, str | None]) -> None:
    """Puts this machine's places where the config's parts ask for them, and leaves out what only training needs.

    Grids of all images are not computed for one, and a frozen encoder's weights need no file: they are in the checkpoint.
    """
    for part in parts(config):
        for name in places.keys() & options_of(part["_target_"]).keys():
            part[name] = places[name]
    if "grids" in config:
        config.grids = None
    encoder = config.get("encoder")
    if encoder is not None and "weights" in encoder and plainly_normalised(encoder):
        encoder.weights = "random"


def plainly_normalised(encoder: DictConfig) -> bool:
    """Whether its images come to ImageNet's mean and deviation, as with random weights; a few published ones want others."""
    name, weights = encoder.get("name"), encoder.weights
    published = get_model_weights(name).__members__ if name in list_models() else {}
    if weights not in published:
        return True
    transform = published[weights].transforms()
    return (tuple(transform.mean), tuple(transform.std)) == IMAGENET
