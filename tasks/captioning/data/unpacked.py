"""Images that lie inside a table, written out as files once."""

import os
import shutil
import tempfile
from pathlib import Path

import pyarrow.compute as arrow
from datasets import Dataset
from datasets.utils import tqdm

from attnbench.tasks.captioning.data.examined import PATIENCE, cache_root
from attnbench.tasks.source import DataError


def unpacked(rows: Dataset, column: str, beside: Path, cache_dir: str | None) -> list[Path | None]:
    """Each row's image file: its own, looked for `beside` where its path is relative, or one in the cache; None without image.

    Raises DataError where the cache cannot be written.
    """
    images = rows.data.column(column)
    paths = arrow.struct_field(images, "path").to_pylist()
    inside = arrow.is_valid(arrow.struct_field(images, "bytes")).to_pylist()
    packed = {number: file_name(number, path) for number, path in enumerate(paths) if inside[number]}
    folder = cache_root(cache_dir) / "unpacked" / rows._fingerprint
    if packed and set(os.listdir(folder) if folder.is_dir() else []) != set(packed.values()):
        write(rows, column, packed, folder)
    return [
        folder / packed[number] if number in packed else None if path is None else beside / path
        for number, path in enumerate(paths)
    ]


def file_name(number: int, path: str | None) -> str:
    """A row's file: its number, with the ending that it had."""
    return f"{number}{Path(path).suffix if path else ''}"


def write(rows: Dataset, column: str, packed: dict[int, str], folder: Path) -> None:
    """Fills the folder, in one step that another process cannot see half done."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(dir=folder.parent))
        try:
            for number, name in tqdm(packed.items(), f"unpacking {column}", unit="image", delay=PATIENCE):
                (part / name).write_bytes(rows[number][column]["bytes"])
            shutil.rmtree(folder, ignore_errors=True)
            try:
                part.rename(folder)
            except OSError:  # another process was first
                if not folder.is_dir():
                    raise
        finally:
            shutil.rmtree(part, ignore_errors=True)
    except OSError as error:
        raise DataError(
            f"{folder}: cannot be written ({error.strerror}); give a folder by cache_dir or ATTNBENCH_CACHE"
        ) from None
