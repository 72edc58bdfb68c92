"""Kept grids: what is read is what the encoder gives, whatever happened to the process that wrote it."""

import errno
import io
import json
import multiprocessing
import os
import pickle
import shutil
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from threading import Thread
from types import SimpleNamespace

import numpy as np
import PIL.Image
import pytest
import torch
from torch import Tensor

from attnbench.tasks.captioning.encoder import GridEncoder, Grids, TorchvisionGrid, row_file
from attnbench.tasks.captioning.encoder.mapped import Mapped
from attnbench.tasks.captioning.encoder.row_file import LINE, RowFile
from attnbench.tasks.captioning.picture import Picture
from attnbench.tasks.source import DataError

SIDE = 64
COUNT = 5
MODES = ("RGB", "L", "CMYK", "RGB", "RGB")
EXACT = {"float16": 2**-11, "bfloat16": 2**-8}  # relative, of rounding


def encoder() -> TorchvisionGrid:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return TorchvisionGrid("squeezenet1_1", "random", SIDE)


def drawn(seed: int, mode: str = "RGB") -> Picture:
    values = np.random.default_rng(seed).integers(0, 256, (40 + seed, 70, 3), dtype=np.uint8)
    file = io.BytesIO()
    PIL.Image.fromarray(values).convert(mode).save(file, format="JPEG")
    return Picture(file.getvalue(), None)


PICTURES = [drawn(number, mode) for number, mode in enumerate(MODES)]
SUMS = [picture.checksum() for picture in PICTURES]


def kept(folder: Path, pictures: Sequence[Picture] = PICTURES) -> Grids:
    grids = Grids(encoder(), folder)
    grids.compute(pictures, [picture.checksum() for picture in pictures], batch_size=2)
    return grids


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all pictures' grids."""
    folder = tmp_path_factory.mktemp("grids")
    kept(folder)
    return folder


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    """A copy of it to be harmed."""
    shutil.copytree(whole, tmp_path / "copy")
    return tmp_path / "copy"


def truth() -> Tensor:
    """The annotations of each picture, one by one."""
    network = encoder()
    return (
        torch.cat([network(network.prepare(picture.open())[None]) for picture in PICTURES]).flatten(2).transpose(1, 2)
    )


@pytest.fixture(scope="module")
def expected() -> Tensor:
    return truth()


def all_right(grids: Grids, expected: Tensor) -> bool:
    """Whether whatever can be read is right; what is not there is not wrong."""
    there = [number for number, checksum in enumerate(SUMS) if checksum in grids.kept.place]
    found = grids.read(grids.rows([SUMS[number] for number in there])).float()
    return torch.allclose(found, expected[there], rtol=1e-3, atol=1e-3 * float(expected.max()))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_what_is_read_is_what_the_encoder_gives(dtype: row_file.Precision, expected: Tensor, tmp_path: Path) -> None:
    grids = Grids(encoder(), tmp_path, dtype)
    grids.compute(PICTURES, SUMS, batch_size=2)
    order = [3, 0, 4, 4, 1]
    found = Grids(encoder(), tmp_path, dtype).read(grids.rows([SUMS[number] for number in order]))
    assert found.dtype == getattr(torch, dtype)
    largest = float(expected.max())
    torch.testing.assert_close(found.float(), expected[order], rtol=EXACT[dtype], atol=1e-5 * largest)


def test_an_image_is_computed_once_wherever_it_occurs(tmp_path: Path) -> None:
    grids = Grids(encoder(), tmp_path)
    seen: list[int] = []
    grids.encoder.register_forward_hook(lambda module, given, result: seen.append(len(result)))
    grids.compute(PICTURES[:3] * 2, SUMS[:3] * 2, batch_size=2)
    assert sum(seen) == 3
    grids.compute(PICTURES, SUMS)
    assert sum(seen) == COUNT
    Grids(grids.encoder, tmp_path).compute(PICTURES[::-1], SUMS[::-1])
    assert sum(seen) == COUNT


def test_grids_of_other_weights_or_another_type_are_kept_apart(tmp_path: Path) -> None:
    other = encoder()
    with torch.no_grad():
        other.get_parameter("network.features.0.bias").add_(1e-3)
    folders = {grids.folder for grids in (Grids(encoder(), tmp_path), Grids(other, tmp_path))}
    assert len(folders | {Grids(encoder(), tmp_path, "bfloat16").folder}) == 3
    assert Grids(encoder(), tmp_path).folder in folders


def test_an_encoder_that_learns_is_refused(tmp_path: Path) -> None:
    learning = TorchvisionGrid("squeezenet1_1", None, SIDE, fine_tune=True)
    for one in (GridEncoder(8), learning):
        with pytest.raises(ValueError, match="frozen"):
            Grids(one, tmp_path)


def test_an_interruption_at_any_byte_gives_no_wrong_row(whole: Path, expected: Tensor, tmp_path: Path) -> None:
    row = Grids(encoder(), whole).kept.bytes_a_row
    cuts = [(0, 0), (1, 0), (row - 1, 0), (row, LINE - 1), (row, LINE), (2 * row, LINE), (2 * row + 7, 2 * LINE - 30)]
    cuts += [(3 * row, 5 * LINE), (row // 2, 3 * LINE), (5 * row, 4 * LINE + 73), (0, 5 * LINE), (5 * row, 0)]
    for number, (data, index) in enumerate(cuts):
        folder = tmp_path / str(number)
        shutil.copytree(whole, folder)
        cut = Grids(encoder(), folder).kept
        for path, size in ((cut.data, data), (cut.index, index)):
            with path.open("ab") as file:
                file.truncate(size)
        grids = Grids(encoder(), folder)
        assert len(grids.kept.place) == min(data // row, index // LINE)
        assert all_right(grids, expected)
        grids.compute(PICTURES, SUMS, batch_size=2)
        assert len(grids.rows(SUMS)) == COUNT
        assert all_right(grids, expected)
        assert (grids.kept.data.stat().st_size, grids.kept.index.stat().st_size) == (COUNT * row, COUNT * LINE)


def test_a_reader_sees_whole_rows_only_while_another_writes(expected: Tensor, tmp_path: Path) -> None:
    writer = kept(tmp_path, PICTURES[:2])
    with writer.kept.data.open("ab") as file:
        file.write(b"half a row")
    with writer.kept.index.open("ab") as file:
        file.write(b"0123456789abcdef")
    reader = Grids(encoder(), tmp_path)
    assert set(reader.kept.place) == set(SUMS[:2])
    assert all_right(reader, expected)


def test_two_at_once_compute_each_image_once(expected: Tensor, tmp_path: Path) -> None:
    both = [Grids(encoder(), tmp_path), Grids(encoder(), tmp_path)]
    seen: list[int] = []
    for grids in both:
        grids.encoder.register_forward_hook(lambda module, given, result: seen.append(len(result)))
    orders = (range(COUNT), range(COUNT - 1, -1, -1))
    threads = [
        Thread(
            target=grids.compute,
            args=([PICTURES[i] for i in order], [SUMS[i] for i in order]),
            kwargs={"batch_size": 1},
        )
        for grids, order in zip(both, orders, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(seen) == COUNT
    assert all(len(grids.rows(SUMS)) == COUNT and all_right(grids, expected) for grids in both)
    assert both[0].kept.index.stat().st_size == COUNT * LINE


def write_40(folder: Path, last: int) -> None:
    """Writes rows whose values are their keys, and dies with row `last`."""
    rows = RowFile(folder, (2, 3), "bfloat16", {})
    with rows.writing([f"{number:064x}" for number in range(40)]) as missing:
        for key in missing:
            rows.append([key], torch.full((1, 2, 3), float(int(key, 16)), dtype=torch.bfloat16))
            if int(key, 16) == last:
                os.kill(os.getpid(), signal.SIGKILL)


def test_two_processes_of_which_one_is_killed_leave_each_row_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")  # a fresh interpreter would take long to import torch
    processes = [context.Process(target=write_40, args=(tmp_path, last)) for last in (17, 40)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert processes[1].exitcode == 0
    rows = RowFile(tmp_path, (2, 3), "bfloat16", {})
    assert sorted(int(key, 16) for key in rows.place) == list(range(40))
    assert rows.index.stat().st_size == 40 * LINE
    for key, number in rows.place.items():
        assert torch.equal(rows.read(torch.tensor([number])).float(), torch.full((1, 2, 3), float(int(key, 16))))


def flipped(path: Path, position: int) -> None:
    content = bytearray(path.read_bytes())
    content[position] ^= 255
    path.write_bytes(content)


def test_damaged_values_are_told(folder: Path) -> None:
    grids = Grids(encoder(), folder)
    flipped(grids.kept.data, 2 * grids.kept.bytes_a_row + 5)
    grids = Grids(encoder(), folder)
    place = grids.kept.place
    whole = [checksum for checksum in SUMS if place[checksum] != 2]
    assert len(grids.read(grids.rows(whole))) == COUNT - 1
    with pytest.raises(DataError, match=r"row 2 is damaged; delete "):
        grids.read(grids.rows(SUMS))


@pytest.mark.parametrize("position", [3, LINE + 64, 2 * LINE + 66, 3 * LINE - 1])
def test_a_damaged_index_is_told(folder: Path, position: int) -> None:
    flipped(Grids(encoder(), folder).kept.index, position)
    with pytest.raises(DataError, match=r"index\.txt: line \d is damaged; delete "):
        Grids(encoder(), folder)


@pytest.mark.parametrize("header", ["", "[]", '{"format": 1}', None], ids=str)
def test_a_foreign_header_is_told(folder: Path, header: str | None) -> None:
    meta = Grids(encoder(), folder).folder / "meta.json"
    meta.unlink() if header is None else meta.write_text(header)
    with pytest.raises(DataError, match=r"meta\.json: .*delete "):
        Grids(encoder(), folder)


def test_rows_of_another_shape_are_told(folder: Path) -> None:
    meta = Grids(encoder(), folder).folder / "meta.json"
    meta.write_text(json.dumps({**json.loads(meta.read_text()), "cells": 196}))
    with pytest.raises(DataError, match=r"says .*'cells': 196.*'cells': 9"):
        Grids(encoder(), folder)


def test_a_disk_that_fills_up_is_told_and_leaves_whole_rows(
    expected: Tensor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grids = kept(tmp_path, PICTURES[:2])

    def full(path: Path, parts: Sequence[bytes]) -> None:
        with path.open("ab") as file:
            file.write(bytes(parts[0])[:100])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(row_file, "add", full)
        with pytest.raises(DataError, match="the disk is full: 2 more grids need"):
            grids.compute(PICTURES, SUMS, batch_size=2)
    assert grids.kept.data.stat().st_size == 2 * grids.kept.bytes_a_row
    grids.compute(PICTURES, SUMS)
    assert len(grids.rows(SUMS)) == COUNT
    assert all_right(grids, expected)


def test_room_is_looked_for_before_anything_is_computed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=10))
    with pytest.raises(DataError, match="the disk is full: 5 more grids need 0 MiB, 0 are free"):
        kept(tmp_path)


def test_values_too_large_for_float16_are_told(tmp_path: Path) -> None:
    large = encoder()
    with torch.no_grad():
        large.get_parameter("network.features.12.expand1x1.weight").mul_(1e7)
    with pytest.raises(DataError, match=r"dtype=float16: cannot hold .*; give dtype=bfloat16"):
        Grids(large, tmp_path).compute(PICTURES, SUMS)
    grids = Grids(large, tmp_path, "bfloat16")
    grids.compute(PICTURES, SUMS)
    assert float(grids.read(grids.rows(SUMS)).max()) > 65504


def test_a_damaged_or_changed_image_is_told_by_name(tmp_path: Path) -> None:
    path = tmp_path / "some.jpg"
    path.write_bytes(b"no image")
    picture = Picture(None, str(path))
    grids = Grids(encoder(), tmp_path)
    with pytest.raises(DataError, match=r"some\.jpg: no image"):
        grids.compute([picture], [picture.checksum()])
    with pytest.raises(DataError, match=r"some\.jpg: not the image that it was"):
        grids.compute([picture], [SUMS[0]])
    with pytest.raises(KeyError):
        grids.rows([picture.checksum()])


def test_another_process_is_sent_the_place_and_not_the_rows(whole: Path, expected: Tensor) -> None:
    grids = Grids(encoder(), whole)
    sent = pickle.dumps(grids.kept)
    assert len(sent) < 2000 < grids.kept.bytes_a_row
    there: RowFile = pickle.loads(sent)
    assert torch.equal(there.read(grids.rows(SUMS)), grids.read(grids.rows(SUMS)))


def test_the_encoder_is_left_as_it_was(whole: Path, tmp_path: Path) -> None:
    grids = kept(tmp_path)
    assert grids.encoder.fingerprint() == encoder().fingerprint()
    for parameter in grids.encoder.parameters():
        assert parameter.is_contiguous()
        assert not parameter.is_inference()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_gives_the_same_grids(expected: Tensor, tmp_path: Path) -> None:
    grids = Grids(encoder(), tmp_path)
    grids.compute(PICTURES, SUMS, device="cuda")
    assert all_right(grids, expected)
    assert next(grids.encoder.parameters()).device.type == "cpu"


@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux' own count of resident pages")
def test_rows_that_were_read_are_not_held(tmp_path: Path) -> None:
    """The file's pages in this process, before and after every row was read."""
    count, shape = 64, (64, 1024)
    expected = torch.arange(count * 64 * 1024).remainder(251).bfloat16().view(count, *shape)
    (tmp_path / "rows").write_bytes(expected.view(torch.uint8).numpy().tobytes())
    mapped = Mapped(tmp_path / "rows", count, shape, torch.bfloat16)

    def resident() -> int:
        status = Path("/proc/self/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("RssFile:")).split()[1])

    before = resident()
    for number in range(count):
        row = torch.tensor([number])
        assert torch.equal(mapped.read(row), expected[row])
    assert resident() - before < 1024  # KiB, of 8192
