"""Many rows of one shape in a file that only grows, found again by key."""

import errno
import json
import os
import shutil
import sys
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import filelock
import torch
from jaxtyping import Float, Int
from torch import Tensor
from tqdm import tqdm  # type: ignore[import-untyped]

from attnbench.tasks.captioning.encoder.mapped import Mapped
from attnbench.tasks.source import DataError

Precision = Literal["float16", "bfloat16"]
DTYPES: Mapping[str, torch.dtype] = {"float16": torch.float16, "bfloat16": torch.bfloat16}
FORMAT = 1
KEY = 64  # hexadecimal digits of a SHA-256
LINE = KEY + 1 + 8 + 1  # key, blank, CRC-32 of the row's bytes, line feed


class RowFile:
    """`grids.bin` holds the rows one after the other, `index.txt` a line a row: its key and the CRC-32 of its bytes.

    A row counts once its line is whole; the line is written after the row. So whoever reads sees whole rows only, also while
    another process writes, and what an interruption left half-written is cut off before the next row is written.
    Every row is held against its CRC-32 when it is first read. `meta.json` says what the rows are.
    """

    def __init__(self, folder: Path, shape: tuple[int, int], dtype: Precision, about: Mapping[str, str]) -> None:
        if dtype not in DTYPES:
            raise ValueError(f"dtype={dtype}: must be one of {', '.join(DTYPES)}")
        self.folder = folder
        self.shape = shape
        self.dtype: Precision = dtype
        self.about = dict(about)
        self.bytes_a_row = shape[0] * shape[1] * DTYPES[dtype].itemsize
        self.refresh()

    def __reduce__(self) -> tuple[object, ...]:
        """Another process opens the files anew: the rows are never sent."""
        return RowFile, (self.folder, self.shape, self.dtype, self.about)

    @property
    def data(self) -> Path:
        """Where the rows are."""
        return self.folder / "grids.bin"

    @property
    def index(self) -> Path:
        """Where the keys are."""
        return self.folder / "index.txt"

    @property
    def advice(self) -> str:
        """The end of a message about damage."""
        return f"delete {self.folder} to have its grids computed again"

    @property
    def header(self) -> dict[str, object]:
        """What must agree for the rows to be read."""
        return {"format": FORMAT, "cells": self.shape[0], "width": self.shape[1], "dtype": self.dtype}

    def refresh(self) -> None:
        """Sees the rows that are there now. Raises DataError where the files are another's or damaged."""
        self.place: dict[str, int] = {}
        self.sums: list[int] = []
        self.checked = torch.zeros(0, dtype=torch.bool)
        self.rows: Mapped | None = None
        if not self.headed():
            return
        lines = self.index.read_bytes() if self.index.exists() else b""
        size = self.data.stat().st_size if self.data.exists() else 0
        whole = min(len(lines) // LINE, size // self.bytes_a_row)
        for number in range(whole):
            key, crc = parsed(lines[number * LINE : (number + 1) * LINE], self.index, number)
            self.place.setdefault(key, number)
            self.sums.append(crc)
        self.checked = torch.zeros(whole, dtype=torch.bool)
        if whole:
            self.rows = Mapped(self.data, whole, self.shape, DTYPES[self.dtype])

    def headed(self) -> bool:
        """Whether there is a header, and it is ours."""
        path = self.folder / "meta.json"
        if not path.exists():
            if self.index.exists() or self.data.exists():
                raise DataError(f"{path}: not there, but grids are; {self.advice}")
            return False
        try:
            found = json.loads(path.read_text("utf-8"))
            header = {name: found[name] for name in self.header}
        except (ValueError, TypeError, KeyError):
            raise DataError(f"{path}: no header of kept grids; {self.advice}") from None
        if header != self.header:
            raise DataError(f"{path}: says {header}, but {self.header} is wanted; {self.advice}")
        return True

    @contextmanager
    def writing(self, wanted: Iterable[str]) -> Iterator[list[str]]:
        """The one process that may write, with the keys that are missing; others wait at its beginning.

        Writes the header, cuts off what is half-written. Raises DataError where the folder cannot be written to or has not
        enough room.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = filelock.FileLock(self.folder / "lock")
            try:
                lock.acquire(blocking=False)
            except filelock.Timeout:
                tqdm.write(f"{self.folder}: waiting for another process that writes to it", file=sys.stderr)
                lock.acquire()
        except OSError as error:
            raise DataError(f"{self.folder}: cannot be written to ({error.strerror}); give another folder") from None
        try:
            self.refresh()
            missing = [key for key in dict.fromkeys(wanted) if key not in self.place]
            self.begin(len(missing))
            yield missing
        finally:
            lock.release()
        self.refresh()

    def begin(self, more: int) -> None:
        """Under the lock: header, whole rows only, room for `more`."""
        try:
            if not self.headed():
                fresh = self.folder / "meta.json.new"
                fresh.write_text(json.dumps({**self.header, **self.about}, indent=2) + "\n", "utf-8")
                os.replace(fresh, self.folder / "meta.json")
            self.cut()
        except OSError as error:
            raise DataError(f"{self.folder}: cannot be written to ({error.strerror}); give another folder") from None
        if more * self.bytes_a_row > shutil.disk_usage(self.folder).free:
            raise self.full(more)

    def cut(self) -> None:
        """Leaves the rows that count."""
        for path, unit in ((self.data, self.bytes_a_row), (self.index, LINE)):
            with path.open("ab") as file:
                file.truncate(len(self.sums) * unit)

    def append(self, keys: Sequence[str], rows: Float[Tensor, "row cell width"]) -> None:
        """While writing: adds rows, first their values, then their keys; they can be read once writing has ended.

        Raises DataError where the disk is full.
        """
        content = [bytes_of(row) for row in rows]
        sums = [zlib.crc32(row) for row in content]
        lines = "".join(f"{key} {crc:08x}\n" for key, crc in zip(keys, sums, strict=True))
        try:
            add(self.data, content)
            add(self.index, [lines.encode("ascii")])
        except OSError as error:
            self.cut()
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise self.full(len(keys)) from None
            raise DataError(f"{self.folder}: cannot be written to ({error.strerror}); give another folder") from None
        self.sums.extend(sums)

    def full(self, more: int) -> DataError:
        """What is said where there is no room."""
        need = more * self.bytes_a_row / 2**20
        free = shutil.disk_usage(self.folder).free / 2**20
        return DataError(
            f"{self.folder}: the disk is full: {more} more grids need {need:.0f} MiB, {free:.0f} are free; give another folder"
        )

    def read(self, numbers: Int[Tensor, " row"]) -> Float[Tensor, "row cell width"]:
        """The rows of those numbers, copied. Raises DataError where one is not as it was written."""
        if not len(numbers):
            return torch.empty(0, *self.shape, dtype=DTYPES[self.dtype])
        if self.rows is None or int(numbers.min()) < 0 or int(numbers.max()) >= len(self.rows):
            raise IndexError(f"rows {numbers.tolist()}: {self.folder} has {len(self.checked)}, from 0 on")
        found = self.rows.read(numbers)
        for position in torch.nonzero(~self.checked[numbers]).flatten().tolist():
            number = int(numbers[position])
            if zlib.crc32(bytes_of(found[position])) != self.sums[number]:
                raise DataError(f"{self.data}: row {number} is damaged; {self.advice}")
            self.checked[number] = True
        return found


def parsed(line: bytes, path: Path, number: int) -> tuple[str, int]:
    """A line's key and CRC-32."""
    try:
        key, crc = line.decode("ascii").removesuffix("\n").split(" ")
        int(key, 16)
        if len(key) == KEY and line.endswith(b"\n"):
            return key, int(crc, 16)
    except ValueError:
        pass
    raise DataError(f"{path}: line {number + 1} is damaged; delete {path.parent} to have its grids computed again")


def bytes_of(row: Tensor) -> memoryview:
    """A row's values as they lie on disk."""
    return row.contiguous().view(torch.uint8).numpy().reshape(-1).data


def add(path: Path, parts: Sequence[bytes | memoryview]) -> None:
    """Appends, and waits until it is on the disk."""
    with path.open("ab") as file:
        for part in parts:
            file.write(part)
        file.flush()
        os.fsync(file.fileno())
