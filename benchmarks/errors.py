"""Every failure as one line that names the value and what would be right."""

import difflib
import re

from hydra.errors import ConfigCompositionException, HydraException, InstantiationException, MissingConfigException
from omegaconf import DictConfig
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException

STEERING = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")  # controls, directions of writing


class InputError(ValueError):
    """Something the user gave is wrong; the message is one line."""


def did_you_mean(wrong: str, choices: list[str]) -> str:
    """The near misses and all choices, as the end of a message."""
    near = difflib.get_close_matches(wrong, choices, n=1)
    guess = f"did you mean {near[0]}? " if near else ""
    return f"{guess}choices: {', '.join(sorted(choices)) or 'none'}"


def one_line(text: str) -> str:
    """The text with every run of white space, line ends included, as one blank, and nothing that would steer a terminal."""
    return printable(" ".join(text.split()))


def printable(text: str) -> str:
    """The text with a mark for each control character: no colours, no moved cursor, no letters that run backwards."""
    return STEERING.sub("\N{REPLACEMENT CHARACTER}", text)


def explain(error: BaseException) -> str:
    """The error as one line, without a traceback."""
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        group, _, wrong = error.missing_cfg_file.rpartition("/")
        return f"{group or 'config'}={wrong}: no such choice; {did_you_mean(wrong, list(error.options or []))}"
    if isinstance(error, InstantiationException):
        return explain_instantiation(error)
    if isinstance(error, ConfigCompositionException) and isinstance(
        error.__cause__, ConfigAttributeError | ConfigKeyError
    ):
        return explain_key(str(error), error.__cause__)
    if isinstance(error, HydraException | OmegaConfBaseException):
        return one_line(str(error).split("\nSet the environment")[0])
    return one_line(str(error)) or type(error).__name__


def explain_key(text: str, cause: OmegaConfBaseException) -> str:
    """An override of a key that is not there: the key, and the keys that are."""
    found = re.search(r"'([^']+)'", text)
    key = found.group(1) if found else str(cause.full_key)
    # A struct's children, without Hydra's own keys that start with an underscore.
    parent = cause.parent_node
    choices = [str(name) for name in parent if not str(name).startswith("_")] if isinstance(parent, DictConfig) else []
    return f"{key}: no such key; {did_you_mean(key.rpartition('.')[2], choices)}"


def explain_instantiation(error: InstantiationException) -> str:
    """What the constructor said, and which part of the config it was."""
    root: BaseException = error
    while root.__cause__ is not None:
        root = root.__cause__
    where = re.search(r"full_key: (\S+)", str(error))
    said = one_line(str(root) if root is not error else str(error).split("\nfull_key")[0])
    return f"{where.group(1)}: {said}" if where else said
