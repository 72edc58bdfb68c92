"""What a form of caption data says of each image, as it is read and before anything is checked."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from attnbench.tasks.source import DataError

Kind = TypeVar("Kind")
IMAGES = (".jpg", ".jpeg", ".png", ".gif", ".bmp", ".webp", ".tif", ".tiff")


class Entry(NamedTuple):
    """An image, or captions that name one."""

    name: str  # no other entry's; the same wherever the data lies
    image_id: str
    file: Path | None  # None: there is nothing but captions
    captions: list[str]
    splits: tuple[str, ...]  # every split that lists it


def inside(folder: Path, name: str, where: str) -> Path:
    """The file of that name below a folder. Raises DataError where the name leads out of it."""
    if not name or os.path.isabs(name) or ".." in name.split("/"):
        raise DataError(f"{where}: {name!r} is no file name below {folder}")
    return folder / name


def unlisted(files: Iterable[Path]) -> Iterator[Entry]:
    """The images that lie beside those that are listed and are not listed themselves."""
    listed = {str(file) for file in files}
    for folder in sorted({os.path.dirname(file) for file in listed}):
        if os.path.isdir(folder):
            for name in sorted(os.listdir(folder)):
                path = os.path.join(folder, name)
                if path not in listed and name.lower().endswith(IMAGES):
                    yield Entry(name, name, Path(path), [], ())


def lines(path: Path) -> list[str]:
    """The lines of a UTF-8 text file, without their ends. Raises DataError where it is empty, cut short or no UTF-8."""
    data = content(path)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise DataError(f"{path}: line {line} is not UTF-8; convert the file") from None
    if not text.strip():
        raise DataError(f"{path}: is empty; fetch the file again")
    if not text.endswith("\n"):
        raise DataError(f"{path}: the last line does not end, so the file may be cut short; fetch it or end the line")
    return [line.removesuffix("\r") for line in text.split("\n")[:-1]]


def parsed(path: Path) -> Mapping[str, Any]:
    """The object that a JSON file holds. Raises DataError where it holds none."""
    try:
        found = json.loads(content(path))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: is no JSON ({error}); fetch the file again") from None
    if not isinstance(found, dict):
        raise DataError(f"{path}: holds a {type(found).__name__}; should be an object with images and captions")
    return found


def content(path: Path) -> bytes:
    """A file's bytes. Raises DataError where they cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None


def part(of: Any, key: str, kind: type[Kind], where: str) -> Kind:
    """`of[key]`. Raises DataError, naming where, unless it is there and of its kind."""
    value = of.get(key) if isinstance(of, dict) else None
    if not isinstance(value, kind) or isinstance(value, bool):
        raise DataError(f"{where}: {key} must be a {kind.__name__}, and is {str(value)[:40]!r}")
    return value
