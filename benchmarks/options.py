"""A config's values, held against what the parts take that it builds."""

import inspect
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, Union, Unpack, get_args, get_origin, get_type_hints

from hydra.utils import get_object
from omegaconf import DictConfig, OmegaConf
from pydantic import PydanticUserError, ValidationError

from attnbench.benchmarks.errors import InputError
from attnbench.benchmarks.form import reader

PLAIN: Mapping[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    NoneType: "null",
}


def check_options(config: DictConfig) -> None:
    """Raises InputError, which names the key, for a value that is not of its option's kind.

    The kinds are the annotations of what each `_target_` names. Other conditions, such as bounds, are the part's own to check,
    and so is that it has such an option.
    """
    for part in parts(config):
        kinds = options_of(part["_target_"])
        for name in map(str, part):
            if name in kinds and not OmegaConf.is_missing(part, name):
                value = part[name]
                plain = OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
                if not builds(plain):
                    check_value(part._get_full_key(name), plain, kinds[name])


def parts(config: Any) -> Iterator[DictConfig]:
    """Every node that names what it builds."""
    if isinstance(config, DictConfig):
        if "_target_" in config:
            yield config
        for key in config:
            if not OmegaConf.is_missing(config, key):
                yield from parts(config[key])


def builds(value: Any) -> bool:
    """Whether something is built somewhere within the value."""
    if isinstance(value, Mapping):
        return "_target_" in value or any(map(builds, value.values()))
    return isinstance(value, list) and any(map(builds, value))


@cache
def options_of(target: str) -> Mapping[str, Any]:
    """What the class or function of that dotted name takes: the kinds of its options by their names."""
    made = get_object(target)
    try:
        signature = inspect.signature(made, eval_str=True)
    except NameError:  # of a kind that is there for type checkers alone
        signature = inspect.signature(made)
    kinds: dict[str, Any] = {}
    for name, parameter in signature.parameters.items():
        kind = Any if isinstance(parameter.annotation, str) else parameter.annotation
        if parameter.kind is not inspect.Parameter.VAR_KEYWORD:
            kinds[name] = Any if kind is inspect.Parameter.empty else kind
        elif get_origin(kind) is Unpack:
            kinds.update(get_type_hints(*get_args(kind)))
    return kinds


def check_value(key: str, value: Any, kind: Any) -> None:
    """Raises InputError for a value that is not of the kind; one that cannot be told from a config's values is let pass."""
    try:
        reader(kind).validate_json(json.dumps(value), strict=True)
    except (PydanticUserError, NameError):
        return
    except ValidationError as error:
        told = described(kind)
        if told is None:
            deepest = max(error.errors(), key=lambda one: len(one["loc"]))
            where = ".".join([key, *within(value, deepest["loc"])])
            raise InputError(f"{where}={deepest['input']}: {deepest['msg'].removeprefix('Input ')}") from None
        text = isinstance(value, bool | int | float) and str in (kind, *get_args(kind))
        quoted = f", which a number is in quotation marks: '{key}=\"{value}\"'" if text else ""
        raise InputError(f"{key}={value}: must be {told}{quoted}") from None


def within(value: Any, steps: Sequence[str | int]) -> Iterator[str]:
    """The keys and places on the way into the value, without the names of a union's kinds that stand between them."""
    for step in steps:
        known = range(len(value)) if isinstance(value, list) else value if isinstance(value, Mapping) else ()
        if step in known:
            value = value[step]
            yield str(step)


def described(kind: Any) -> str | None:
    """What a value of the kind must be; None where that takes more than a few words."""
    if kind in PLAIN:
        return PLAIN[kind]
    if get_origin(kind) is Literal:
        return f"one of {', '.join(map(str, get_args(kind)))}"
    if get_origin(kind) in (Union, UnionType):
        told = [described(one) for one in get_args(kind)]
        return None if None in told else ", or ".join(map(str, told))
    return None
