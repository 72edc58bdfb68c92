"""Annotations of many images, computed once and kept on disk."""

import hashlib
import json
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import torch
import torchvision
from jaxtyping import Float, Int
from torch import Tensor
from tqdm import tqdm  # type: ignore[import-untyped]

from attnbench.tasks.captioning.encoder.encoder import Encoder
from attnbench.tasks.captioning.encoder.row_file import DTYPES, FORMAT, Precision, RowFile
from attnbench.tasks.captioning.picture import Picture
from attnbench.tasks.source import DataError

AHEAD = 2  # batches that are decoded while the network computes


class Grids:
    """A frozen encoder's annotations of images, each known by the SHA-256 of its bytes.

    They lie in a folder below `folder` whose name is a hash of what decides them: the encoder's fingerprint, the images' size
    and the type they are kept in. A row is a ready sequence of annotations, cells row by row.
    """

    def __init__(self, encoder: Encoder, folder: Path, dtype: Precision = "float16") -> None:
        if not encoder.frozen or encoder.size is None:
            raise ValueError(
                "grids are kept of frozen encoders of a fixed size, such as task/encoder=squeezenet1_1 with fine_tune=false; "
                "those of one that learns would change"
            )
        self.encoder = encoder
        rows, columns = encoder.grid(*encoder.size)
        about = {"fingerprint": encoder.fingerprint(), "encoder": encoder.description()}
        decisive = json.dumps([FORMAT, about["fingerprint"], encoder.size, dtype])
        name = hashlib.sha256(decisive.encode()).hexdigest()[:16]
        versions = {"torch": torch.__version__, "torchvision": torchvision.__version__}
        self.kept = RowFile(folder / name, (rows * columns, encoder.width), dtype, about | versions)

    @property
    def folder(self) -> Path:
        """Where they are."""
        return self.kept.folder

    def rows(self, checksums: Sequence[str]) -> Int[Tensor, " image"]:
        """Where images' annotations stand. Raises KeyError for an image that has none yet."""
        return torch.tensor([self.kept.place[checksum] for checksum in checksums], dtype=torch.long)

    def read(self, numbers: Int[Tensor, " image"]) -> Float[Tensor, "image cell annotation"]:
        """Annotations of the images that stand there, in the type they are kept in."""
        return self.kept.read(numbers)

    def compute(
        self,
        pictures: Sequence[Picture],
        checksums: Sequence[str],
        *,
        batch_size: int = 16,
        workers: int = 2,
        device: str = "auto",
    ) -> None:
        """Computes and keeps what is missing.

        Only one process writes at a time; others wait, and then find what it has written. `device` is auto (a GPU where
        there is one) or one of torch's. Raises DataError for an image that cannot be decoded or is not what its checksum says.
        """
        if len(pictures) != len(checksums):
            raise ValueError(f"{len(pictures)} pictures have {len(checksums)} checksums; each must have one")
        if all(checksum in self.kept.place for checksum in checksums):
            return
        place = torch.device(device if device != "auto" else "cuda" if torch.cuda.is_available() else "cpu")
        first = {checksum: position for position, checksum in reversed(list(enumerate(checksums)))}
        with self.kept.writing(checksums) as missing:
            batches = [missing[start : start + batch_size] for start in range(0, len(missing), batch_size)]
            with (
                running(self.encoder, place) as encoder,
                ThreadPoolExecutor(workers) as threads,
                tqdm(total=len(missing), desc=f"grids in {self.folder}", unit=" images", mininterval=1) as bar,
            ):
                pending = ([(key, pictures[first[key]]) for key in keys] for keys in batches)
                for keys, images in zip(batches, self.decoded(pending, threads), strict=True):
                    self.kept.append(keys, self.annotations(encoder, images.to(place), keys))
                    bar.update(len(keys))

    def decoded(
        self, batches: Iterable[Sequence[tuple[str, Picture]]], threads: ThreadPoolExecutor
    ) -> Iterator[Float[Tensor, "image 3 height width"]]:
        """Batches of images as the encoder wants them, decoded ahead of what is asked for."""
        begun: deque[list[Future[Tensor]]] = deque()
        for batch in batches:
            begun.append([threads.submit(self.decode, picture, key) for key, picture in batch])
            if len(begun) > AHEAD:
                yield torch.stack([image.result() for image in begun.popleft()])
        while begun:
            yield torch.stack([image.result() for image in begun.popleft()])

    def decode(self, picture: Picture, checksum: str) -> Float[Tensor, "3 height width"]:
        """The picture as the encoder wants it. Raises DataError where it is damaged or another."""
        if picture.checksum() != checksum:
            raise DataError(f"{picture.name}: not the image that it was: its SHA-256 is no longer {checksum[:12]}...")
        return self.encoder.prepare(picture.open())

    def annotations(
        self, encoder: Encoder, images: Float[Tensor, "image 3 height width"], keys: Sequence[str]
    ) -> Float[Tensor, "image cell annotation"]:
        """Rows ready to be kept. Raises DataError where values are not finite, or too large for the type."""
        grids = encoder(images.contiguous(memory_format=torch.channels_last)).flatten(2).transpose(1, 2).cpu()
        rows = grids.to(DTYPES[self.kept.dtype])
        for key, grid, row in zip(keys, grids, rows, strict=True):
            if not torch.isfinite(grid).all():
                raise DataError(f"the encoder's annotations of the image with SHA-256 {key[:12]}... are not finite")
            if not torch.isfinite(row).all():
                largest = grid.abs().max().item()
                raise DataError(
                    f"dtype={self.kept.dtype}: cannot hold {largest:.4g}, which the encoder gives for the image with SHA-256 "
                    f"{key[:12]}...; give dtype=bfloat16"
                )
        return rows


@contextmanager
def running(encoder: Encoder, device: torch.device) -> Iterator[Encoder]:
    """The encoder on a device, laid out for fast convolution, nothing recorded; afterwards where it was."""
    before = next(encoder.parameters()).device
    encoder.to(device).to(memory_format=torch.channels_last)
    try:
        with torch.inference_mode():
            yield encoder
    finally:
        encoder.to(memory_format=torch.contiguous_format).to(before)
