"""Records read back from W&B into a local folder, where they are compared like any others. Nothing of them is run."""

import os
import re
from pathlib import Path
from typing import Any

import wandb

from attnbench.benchmarks.errors import InputError, one_line
from attnbench.benchmarks.places import REMOTE
from attnbench.benchmarks.record import FILE, RecordError, read_record
from attnbench.benchmarks.wandb_artifacts import BESIDE, TYPE
from attnbench.benchmarks.wandb_mode import Project, project_of, resolved_mode
from attnbench.tasks.captioning.data.examined import cache_root

NAME = re.compile(
    rf"{TYPE}-([0-9a-f]{{16}})"
)  # of an artifact; it becomes a folder's name, so nothing else may be in it
LARGEST = 2**28  # bytes that a file may have


def project_at(place: str) -> Project:
    """The project of `wandb://ENTITY/PROJECT`. Raises InputError."""
    project = project_of(place.removeprefix(REMOTE))
    if project.entity is None:
        raise InputError(f"{place}: names no entity; give {REMOTE}ENTITY/{project.name}")
    return project


def folder_of(place: str) -> Path:
    """Where what a project holds is kept on this machine."""
    project = project_at(place)
    return cache_root(os.environ.get("ATTNBENCH_CACHE")) / "wandb" / str(project.entity) / project.name


def fetched(place: str) -> list[Path]:
    """The folders of all cells whose records are in `wandb://ENTITY/PROJECT`, the latest version of each.

    Raises InputError where W&B is not to be reached, RecordError for an artifact that is damaged or not a cell's record.
    """
    project = project_at(place)
    if resolved_mode("auto") == "offline":
        raise InputError(f"{place}: W&B is offline here; log in by `wandb login`, or set WANDB_API_KEY")
    try:
        api = wandb.Api()
        names = [str(found.name) for found in api.artifact_collections(str(project), TYPE)]
        cells = {name: cell_in(name, place) for name in names}
        folders = [kept(api.artifact(f"{project}/{name}:latest", type=TYPE), cells[name], place) for name in names]
    except RecordError:
        raise
    except Exception as error:
        raise RecordError(f"{place}: cannot be read from W&B ({one_line(str(error))})") from error
    if not folders:
        raise RecordError(f"{place}: holds no records; runs with logger=wandb bring theirs")
    return folders


def cell_in(name: str, place: str) -> str:
    """The cell that an artifact's name says it is of. Raises RecordError."""
    found = NAME.fullmatch(name)
    if found is None:
        raise RecordError(f"{place}: the artifact {name!r} of type {TYPE} is no cell's; delete it there, or its type")
    return found[1]


def kept(artifact: Any, cell: str, place: str) -> Path:
    """The cell's folder with the artifact's files, of which only those with a record's names are taken. Raises RecordError."""
    folder = folder_of(place) / f"{TYPE}-{cell}"
    entries = artifact.manifest.entries
    for name in (FILE, *BESIDE):
        entry = entries.get(name)
        if entry is None:
            (folder / name).unlink(missing_ok=True)
            continue
        if entry.path != name or entry.ref is not None or entry.size is None or entry.size > LARGEST:
            raise RecordError(f"{place}: {TYPE}-{cell}: {name} is no plain file of at most {LARGEST} bytes")
        entry.download(root=str(folder), skip_cache=True)
    check(folder / FILE, cell)
    return folder


def check(path: Path, cell: str) -> None:
    """Raises RecordError where a record from elsewhere is none, or is another cell's."""
    record = read_record(path)
    if record.cell != cell:
        raise RecordError(f"{path}: the record of another cell ({record.cell!r}); its artifact was made by hand")
