"""Every image file read, hashed and decoded once; later only its size and the time it was changed are looked at."""

import hashlib
import inspect
import json
import os
import stat
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import PIL
import PIL.Image
from datasets.utils import tqdm

from attnbench.tasks.captioning import picture
from attnbench.tasks.captioning.picture import Picture
from attnbench.tasks.source import DataError

# What is kept holds for the code that found it: another way of decoding looks again.
MADE_BY = hashlib.sha256(f"1 {PIL.__version__} {inspect.getsource(picture)}".encode()).hexdigest()
PATIENCE = 2.0  # seconds before progress is shown


class Look(NamedTuple):
    """What an image file is."""

    size: int  # bytes
    modified: int  # nanoseconds
    checksum: str  # SHA-256 of the bytes
    pixels: str  # SHA-256 of the upright RGB pixels; empty where there are none
    width: int
    height: int
    fault: str  # why it cannot be decoded; empty where it can


def examined(files: Iterable[Path], cache_dir: str | None) -> dict[Path, Look]:
    """A look at each of the files that are there. Raises DataError where one cannot be read or the cache not be written."""
    folders: dict[Path, list[Path]] = defaultdict(list)
    for file in files:
        folders[file.parent].append(file)
    found: dict[Path, Look] = {}
    for folder, those in folders.items():
        found |= examined_folder(folder, those, cache_file(folder, cache_dir))
    return found


def examined_folder(folder: Path, files: list[Path], cache: Path) -> dict[Path, Look]:
    """The same for files of one folder. What an interrupted look has seen is kept."""
    known = read(cache)
    now = {file: state for file in files if (state := state_of(file)) is not None}
    fresh = [file for file, state in now.items() if file.name not in known or known[file.name][:2] != state]
    if fresh:
        writable(cache)
        seen: dict[str, Look] = {}
        PIL.Image.init()  # the readers of all formats, before threads ask for them
        pool = ThreadPoolExecutor(os.cpu_count())
        try:
            looks = pool.map(lambda file: look(file, now[file]), fresh)
            bar = tqdm(zip(fresh, looks, strict=True), f"examining {folder}", len(fresh), unit="image", delay=PATIENCE)
            seen.update((file.name, one) for file, one in bar)
        finally:
            pool.shutdown(cancel_futures=True)
            write(cache, folder, seen)
        known |= seen
    return {file: known[file.name] for file in now}


def state_of(file: Path) -> tuple[int, int] | None:
    """Size and time of change; None where there is no such file."""
    try:
        state = os.stat(file)
    except OSError:
        return None
    return (state.st_size, state.st_mtime_ns) if stat.S_ISREG(state.st_mode) else None


def look(file: Path, state: tuple[int, int]) -> Look:
    """Reads, hashes and decodes a file."""
    data = Picture(None, str(file)).content()
    checksum = hashlib.sha256(data).hexdigest()
    encoded = Picture(data, str(file))
    try:
        image = encoded.open()
    except DataError as error:
        reason = str(error).removeprefix(f"{encoded.name}: ").partition(";")[0]
        return Look(*state, checksum, "", 0, 0, reason)
    pixels = hashlib.sha256(f"{image.width} {image.height} ".encode() + image.tobytes()).hexdigest()
    return Look(*state, checksum, pixels, image.width, image.height, "")


def cache_root(cache_dir: str | None) -> Path:
    """The folder as given, or the user's own."""
    if cache_dir is not None:
        return Path(cache_dir).expanduser()
    users = os.environ.get("XDG_CACHE_HOME")
    return (Path(users) if users else Path.home() / ".cache") / "attention-bench"


def cache_file(folder: Path, cache_dir: str | None) -> Path:
    """Where a folder's looks are kept."""
    where = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:16]
    return cache_root(cache_dir) / "images" / f"{where}.json"


def read(cache: Path) -> dict[str, Look]:
    """What is kept; nothing where that is absent, damaged or of other code."""
    try:
        kept = json.loads(cache.read_bytes())
        if kept["made_by"] != MADE_BY:
            return {}
        return {str(name): Look(*row) for name, row in kept["images"].items() if well_formed(row)}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def well_formed(row: object) -> bool:
    """Whether it can be a look."""
    match row:
        case [int(), int(), str(), str(), int(), int(), str()]:
            return True
    return False


def writable(cache: Path) -> None:
    """Makes the cache's folder. Raises DataError where nothing can be written there."""
    try:
        cache.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=cache.parent):
            pass
    except OSError as error:
        raise DataError(
            f"{cache.parent}: cannot be written ({error.strerror}); give a folder by cache_dir or ATTNBENCH_CACHE"
        ) from None


def write(cache: Path, folder: Path, seen: Mapping[str, Look]) -> None:
    """Adds to what is kept by now, in one step that another process cannot see half done."""
    kept = {"made_by": MADE_BY, "folder": str(folder), "images": {**read(cache), **seen}}
    handle, part = tempfile.mkstemp(dir=cache.parent, prefix=cache.stem)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(kept, file)
        os.replace(part, cache)
    except OSError as error:
        raise DataError(f"{cache}: cannot be written ({error.strerror}); free some space") from None
    finally:
        Path(part).unlink(missing_ok=True)
