"""A cell: one task × attention × seed, known by a hash of what decides its result."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from attnbench.benchmarks.code_version import code_version
from attnbench.benchmarks.errors import InputError, did_you_mean
from attnbench.benchmarks.machine import Machine
from attnbench.benchmarks.mechanism import composed, config_loader, mechanism_name
from attnbench.benchmarks.options import check_options
from attnbench.benchmarks.record import FILE, Record, RecordError, content_address, folder_name, read_record
from attnbench.tasks.source import Source, file_checksum, found

DECIDING = ("task", "attention", "estimator", "optimizer", "budget", "seed")
HOW = ("launcher", "retry_failed", "fail_fast")  # how a sweep is run: it decides nothing and enters no record
ALSO = ("trainer", "logger", "data_dir", "out", *HOW)
PLACES = ("data_dir", "cache_dir", "out")  # where things lie on this machine: they decide nothing and enter no record
MATCHING = "attnbench.benchmarks.matching.match"


@dataclass(frozen=True)
class Cell:
    """What is known of a cell before it runs."""

    config: DictConfig
    task: str
    data: str
    model: str
    attention: str
    asked: str  # the preset that was asked for: another name of the same, or what overrides made something else of
    score: str
    selection: str
    seed: int
    data_checksum: str
    code: str  # the version of all but the attention's: what compared cells must share
    attention_code: str
    machine: Machine
    overrides: tuple[str, ...]
    reference: Mapping[str, Any] | None = None  # the mechanism that budgets are matched to, where they are
    vectors: str | None = None  # a hash of the file of word vectors that the task starts from, where it does

    @property
    def resolved(self) -> dict[str, Any]:
        """The config that decides the result, resolved, without places."""
        return decided_by(self.config)

    @property
    def address(self) -> str:
        """The hash that is the cell's identity."""
        precision = self.machine.resolved_precision
        versions = {"data": self.data_checksum, "code": self.code, "attention_code": self.attention_code}
        also = {"reference": self.reference, "vectors": self.vectors}
        present = {name: value for name, value in also.items() if value is not None}
        return content_address({**self.resolved, **versions, **present, "precision": precision})

    @property
    def name(self) -> str:
        """`<task>/<mechanism>/seed<k>`, with the data set where it is not the only one one thinks of."""
        return f"{self.task}/{self.attention}/seed{self.seed}"

    @property
    def folder(self) -> Path:
        """Where its record and files stand."""
        mechanism = Path(self.config.out) / f"{self.task}-{self.data}" / folder_name(self.attention)
        return mechanism / f"seed{self.seed}-{self.address}"

    @property
    def budget(self) -> dict[str, Any]:
        """The resolved budget."""
        return {key: value for key, value in self.resolved["budget"].items() if key != "_target_"}

    def record(self) -> Record | None:
        """The record of an earlier run of this very cell, if there is one that can be read."""
        if not (self.folder / FILE).exists():
            return None
        try:
            return read_record(self.folder)
        except RecordError:
            return None

    def stamp(self) -> int:
        """When the present record was written, 0 where there is none: another record has another stamp."""
        try:
            return (self.folder / FILE).stat().st_mtime_ns
        except OSError:
            return 0


def decided_by(config: DictConfig, *, without: str | None = None) -> dict[str, Any]:
    """The part of a config that decides the result, resolved, without places and perhaps without one of its keys."""
    container = OmegaConf.to_container(config, resolve=True)
    assert isinstance(container, dict)
    deciding = {key: without_places(container[key]) for key in DECIDING if key != without}
    if deciding["budget"]["match"] == "none":
        del deciding["budget"]["reference"]  # nothing reads it
    return deciding


def without_places(value: Any) -> Any:
    """The config without keys that name a place on this machine."""
    if isinstance(value, Mapping):
        return {str(key): without_places(inner) for key, inner in value.items() if key not in PLACES}
    return [without_places(inner) for inner in value] if isinstance(value, list) else value


def check(config: DictConfig) -> None:
    """Raises InputError for a key that nothing reads, a seed that is none, a data folder or reference that is not there.

    Builds the budget, which checks itself, and holds every other value against what it is for.
    """
    for key in map(str, config):
        if key not in (*DECIDING, *ALSO):
            raise InputError(f"{key}: no such key; {did_you_mean(key, [*DECIDING, *ALSO])}")
    if type(config.seed) is not int or config.seed < 0:
        raise InputError(f"seed={config.seed}: must be a whole number, 0 or more")
    if config.data_dir is not None and not Path(str(config.data_dir)).expanduser().is_dir():
        raise InputError(
            f"data_dir={config.data_dir}: no such folder; give the one that holds the data sets, none for embedded data"
        )
    instantiate(config.budget)
    check_options(config)
    presets = config_loader().get_group_options("attention")
    if config.budget.reference not in presets:
        raise InputError(
            f"budget.reference={config.budget.reference}: no such attention preset; "
            f"{did_you_mean(str(config.budget.reference), presets)}"
        )


def cell_of(config: DictConfig) -> Cell:
    """The cell that a composed config describes. Raises InputError and DataError for what cannot be right."""
    check(config)
    choices = {str(group): str(choice) for group, choice in HydraConfig.get().runtime.choices.items()}
    attention = OmegaConf.to_container(config.attention, resolve=True)
    assert isinstance(attention, dict)
    source = instantiate(config.task.data)
    if not isinstance(source, Source):
        raise InputError(
            f"task/data={choices['task/data']}: builds a {type(source).__name__}, not a Source of examples"
        )
    reference = None if config.budget.match == "none" else composed(config.budget.reference, [])
    keys = (*PLACES, *HOW)
    overrides = [o for o in HydraConfig.get().overrides.task if re.split(r"[.=]", o)[0] not in keys]
    return Cell(
        config=config,
        task=choices["task"],
        data=f"{choices['task/data']}{source.part}",
        model=choices["task/model"],
        attention=mechanism_name({str(k): v for k, v in attention.items()}, choices),
        asked=choices["attention"],
        score=choices.get("attention/score", "-"),
        selection=choices.get("attention/selection", "-"),
        seed=config.seed,
        data_checksum=source.checksum(),
        code=code_version({**decided_by(config, without="attention"), **matching_code(reference)}),
        attention_code=code_version(decided_by(config)["attention"]),
        machine=instantiate(config.trainer),
        overrides=tuple(overrides),
        reference=reference,
        vectors=vectors_checksum(config.task),
    )


def vectors_checksum(task: DictConfig) -> str | None:
    """A hash of the file that the task's `vectors` names. Raises DataError where it is not there."""
    name = task.get("vectors")
    return file_checksum([found(task.get("data_dir"), name)]) if isinstance(name, str) else None


def matching_code(reference: Mapping[str, Any] | None) -> dict[str, Any]:
    """What more a cell's code consists of where its budget is matched: that of the reference and of the matching itself."""
    return {} if reference is None else {"reference": reference, "matching": {"_target_": MATCHING}}
