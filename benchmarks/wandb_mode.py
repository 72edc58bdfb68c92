"""Whether W&B is reached over the network or kept in files, decided once for everything that talks to it."""

import netrc
import os
import re
from typing import Literal, NamedTuple, get_args
from urllib.parse import urlsplit

import wandb

from attnbench.benchmarks.errors import InputError

Mode = Literal["auto", "online", "offline"]
NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,127}")


class Project(NamedTuple):
    """A W&B project; without an entity it belongs to whoever is logged in."""

    entity: str | None
    name: str

    def __str__(self) -> str:
        return self.name if self.entity is None else f"{self.entity}/{self.name}"


def project_of(text: str) -> Project:
    """`PROJECT` or `ENTITY/PROJECT`. Raises InputError."""
    parts = text.split("/")
    if len(parts) > 2 or not all(NAME.fullmatch(part) for part in parts):
        raise InputError(
            f"{text}: no W&B project; give ENTITY/PROJECT, of letters, digits, dots, hyphens and underscores"
        )
    return Project(None if len(parts) == 1 else parts[0], parts[-1])


def resolved_mode(mode: Mode) -> Literal["online", "offline"]:
    """`auto` is online where WANDB_MODE says so or a login is found, else offline. Raises InputError."""
    if mode not in get_args(Mode):
        raise InputError(f"logger.mode={mode}: must be one of {', '.join(get_args(Mode))}")
    if mode != "auto":
        return mode
    said = os.environ.get("WANDB_MODE")
    if said:
        return "online" if said == "online" else "offline"
    return "online" if os.environ.get("WANDB_API_KEY") or logged_in() else "offline"


def logged_in() -> bool:
    """Whether `wandb login` has left a key for the server that is used."""
    host = urlsplit(wandb.Settings().base_url).netloc
    try:
        return netrc.netrc().authenticators(host) is not None
    except (OSError, netrc.NetrcParseError):
        return False


def settings() -> wandb.Settings:
    """Those of every run: nothing of the machine, of the command's surroundings or of the repository is sent along."""
    return wandb.Settings(
        silent=True,
        console="off",
        x_disable_stats=True,
        x_disable_meta=True,
        disable_git=True,
        disable_code=True,
        x_save_requirements=False,
    )
