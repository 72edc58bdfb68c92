"""The version of the code that decides a result: a hash of every module that its parts import, ours and a plugin's."""

import ast
import hashlib
import importlib.util
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

OURS = "attnbench"
ALWAYS = ("attnbench.tasks.lit", "attnbench.tasks.initialization")  # what trains and measures every cell
ELSEWHERE = ("torch", "pytorch_lightning", "torchvision")  # their versions are recorded, their source is not hashed


def code_version(config: Mapping[str, Any]) -> str:
    """12 hexadecimal digits that change with the source behind the config's `_target_`s, and with nothing else.

    The source is read once a process: what is imported stays as it is, whatever happens to the files.
    """
    modules = {target.rpartition(".")[0] for target in targets(config)}
    wanted = sorted(module for module in modules if module.partition(".")[0] not in ELSEWHERE)
    return digest((*ALWAYS, *wanted))


def targets(config: Any) -> Iterator[str]:
    """Every `_target_` in a config."""
    if isinstance(config, Mapping):
        if "_target_" in config:
            yield str(config["_target_"])
        for value in config.values():
            yield from targets(value)
    elif isinstance(config, list):
        for value in config:
            yield from targets(value)


@cache
def digest(modules: tuple[str, ...]) -> str:
    """A hash of the source of the modules and of all that they import from their own packages."""
    packages = {OURS, *(module.partition(".")[0] for module in modules)}
    found: dict[str, bytes] = {}
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        source = None if module in found or module == OURS else source_of(module)
        if source is None:
            continue
        found[module] = source
        names = {module.rpartition(".")[0], *imported(source)}
        waiting += [name for name in names if name.partition(".")[0] in packages]
    hashed = hashlib.sha256()
    for module in sorted(found):
        hashed.update(f"{module}\0".encode() + found[module])
    return hashed.hexdigest()[:12]


def source_of(module: str) -> bytes | None:
    """A module's source; None where the name is no module (an imported class, say) or has no Python source."""
    try:
        spec = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        return None
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return None
    return Path(spec.origin).read_bytes()


def imported(source: bytes) -> Iterator[str]:
    """Every name that might be a module which the source imports."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
