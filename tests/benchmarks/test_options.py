"""Options: what a part takes is let pass, what it does not take is named by its whole key before anything is built."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict, Unpack

import pytest
from hydra import compose, initialize_config_module
from omegaconf import DictConfig, OmegaConf

from attnbench.benchmarks.errors import InputError
from attnbench.benchmarks.listing import options
from attnbench.benchmarks.options import check_options

CAPTIONING = {  # choices that another task's defaults have no place for
    "task/encoder": options("task/encoder"),
    "task/data": ["flickr8k", "captions_coco", "captions_hub", "captions_karpathy"],
}
TASK = ("task", "task/data", "task/model", "task/encoder", "task/units")
GROUPS = (*TASK, "attention", "attention/score", "attention/selection", "estimator", "optimizer", "trainer", "logger")


@pytest.mark.parametrize("group", [*GROUPS, "launcher"])
def test_every_choice_of_every_group_passes(group: str) -> None:
    with initialize_config_module("attnbench.conf", version_base="1.3"):
        for choice in options(group):
            words = ["task=captioning"] if choice in CAPTIONING.get(group, []) else []
            check_options(compose("run", overrides=[*words, f"{group}={choice}"]))


class More(TypedDict, total=False):
    """Options that are handed on."""

    beam: int


class Part:
    """Takes an option of each kind."""

    def __init__(
        self,
        made: "Part",
        *,
        size: int = 1,
        rate: float = 0.5,
        flag: bool = False,
        name: str = "",
        which: Literal["tanh", "maxout"] = "tanh",
        limit: int | None = None,
        reads: str | Sequence[str] = "",
        sizes: Mapping[str, int] | None = None,
        inner: "Part | None" = None,
        anything: Any = None,
        untold=None,  # type: ignore[no-untyped-def]
        **more: Unpack[More],
    ) -> None:
        raise AssertionError("nothing is built")


def loose(size: int, **others: Any) -> None:
    """Takes whatever there is."""


def part(target: Any = Part, **values: Any) -> DictConfig:
    return OmegaConf.create({"task": {"_target_": f"{__name__}.{target.__name__}", **values}})


GOOD: list[dict[str, Any]] = [
    {"size": 3, "rate": 2, "flag": True, "name": "7", "which": "maxout", "limit": None, "beam": 4},
    {"rate": 0.25, "limit": 7, "reads": "a", "sizes": {"train": 1}, "inner": None},
    {"reads": ["a", "b"], "anything": {"a": [1]}, "untold": 5, "size": "${task.limit}", "limit": 5},
    {"size": "???", "_partial_": True, "inner": {"_target_": f"{__name__}.Part", "size": 3}},
    {"reads": [{"_target_": f"{__name__}.Part"}]},
]
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "word for number": ({"size": "x"}, "task.size=x: must be a whole number"),
    "fraction": ({"size": 2.5}, "task.size=2.5: must be a whole number"),
    "truth for number": ({"size": True}, "task.size=True: must be a whole number"),
    "word for fraction": ({"rate": "high"}, "task.rate=high: must be a number"),
    "number for truth": ({"flag": 1}, "task.flag=1: must be true or false"),
    "word for truth": ({"flag": "maybe"}, "task.flag=maybe: must be true or false"),
    "number for text": (
        {"name": 7},
        "task.name=7: must be text, which a number is in quotation marks: 'task.name=\"7\"'",
    ),
    "no choice": ({"which": "relu"}, "task.which=relu: must be one of tanh, maxout"),
    "null": ({"size": None}, "task.size=None: must be a whole number"),
    "word for number or null": ({"limit": "all"}, "task.limit=all: must be a whole number, or null"),
    "number in a list": ({"reads": ["a", 5]}, "task.reads.1=5: should be a valid string"),
    "word in a mapping": ({"sizes": {"train": "few"}}, "task.sizes.train=few: should be a valid integer"),
    "handed on": ({"beam": "two"}, "task.beam=two: must be a whole number"),
    "interpolated": ({"size": "${task.limit}", "limit": None}, "task.size=None: must be a whole number"),
    "within": ({"inner": {"_target_": f"{__name__}.Part", "size": "x"}}, "task.inner.size=x: must be a whole number"),
}


@pytest.mark.parametrize("values", GOOD, ids=str)
def test_what_a_part_takes_passes(values: dict[str, Any]) -> None:
    check_options(part(**values))


@pytest.mark.parametrize("case", WRONG)
def test_what_a_part_does_not_take_is_named(case: str) -> None:
    values, told = WRONG[case]
    with pytest.raises(InputError, match=re.escape(told)) as caught:
        check_options(part(**values))
    assert "\n" not in str(caught.value)


def test_what_takes_any_option_takes_any() -> None:
    check_options(part(loose, size=1, other="x"))
    with pytest.raises(InputError, match=r"task\.size=x: must be a whole number"):
        check_options(part(loose, size="x", other="x"))
