"""The one data module: a source's splits, in batches whose order depends on the seed and the epoch alone."""

import math
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from datasets import Dataset, DatasetDict
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Sampler

from attnbench.tasks.source import Source

Columns = dict[str, list[Any]]
Numbers = NDArray[np.int_]
Lengths = (
    Sequence[int] | Sequence[tuple[int, ...]]
)  # of each example; of several, the first is compared before the next
POOL = 50  # batches that are sorted by length together


class ShuffledBatches(Sampler[list[int]]):
    """Every example once, in batches of like length, shuffled by (seed, epoch) and split evenly over `world` devices.

    The batches are the same for every mechanism and every number of devices. Of examples that come in `variants`, all of the
    first before all of the second, each epoch takes one variant each.
    """

    def __init__(
        self,
        lengths: Lengths,
        batch_size: int,
        seed: int,
        epoch: int = 0,
        rank: int = 0,
        world: int = 1,
        variants: int = 1,
    ) -> None:
        self.variants = variants
        self.lengths = np.asarray(lengths[: len(lengths) // variants]).reshape(len(lengths) // variants, -1)
        self.batch_size = batch_size
        self.seed, self.epoch = seed, epoch
        self.rank, self.world = rank, world

    def set_epoch(self, epoch: int) -> None:
        """The epoch to come; the trainer says it before each, after an interruption too."""
        self.epoch = epoch

    def __len__(self) -> int:
        return math.ceil(len(self.lengths) / self.batch_size)

    def __iter__(self) -> Iterator[list[int]]:
        order = np.random.default_rng([self.seed, self.epoch])
        batches = self.batches(order.permutation(len(self.lengths)))
        chosen = np.random.default_rng([self.seed, self.epoch, 1]).integers(self.variants, size=len(self.lengths))
        for position in order.permutation(len(batches)):
            share = batches[position][self.rank :: self.world]
            # A last batch smaller than the number of devices still gives each device an example.
            rows = share if len(share) else batches[position][:1]
            yield (rows + chosen[rows] * len(self.lengths)).tolist()

    def batches(self, shuffled: Numbers) -> list[Numbers]:
        """The shuffled examples, pool after pool, each sorted by length."""
        pool = POOL * self.batch_size
        batches = []
        for start in range(0, len(shuffled), pool):
            some = shuffled[start : start + pool]
            some = self.rising(some)
            batches += [some[i : i + self.batch_size] for i in range(0, len(some), self.batch_size)]
        return batches

    def rising(self, some: Numbers) -> Numbers:
        """Some examples by length; equally long ones stay in their order."""
        return some[np.lexsort(self.lengths[some].T[::-1])]


class TokenBatches(ShuffledBatches):
    """Every example once, in batches of at most `batch_tokens` tokens, padding included; a longer example is one by itself.

    Tokens are the first of an example's lengths. Examples of equal lengths are shuffled and all are sorted together, so that
    every epoch has as many batches.
    """

    def __init__(
        self, lengths: Lengths, batch_tokens: int, seed: int, epoch: int = 0, rank: int = 0, world: int = 1
    ) -> None:
        super().__init__(lengths, 1, seed, epoch, rank, world)
        self.starts = starts(np.sort(self.lengths[:, 0]), batch_tokens)

    def __len__(self) -> int:
        return len(self.starts)

    def batches(self, shuffled: Numbers) -> list[Numbers]:
        """The shuffled examples, sorted by length."""
        return np.split(self.rising(shuffled), self.starts[1:])


def starts(rising: Numbers, batch_tokens: int) -> list[int]:
    """Where batches start in rising lengths, each with as many as fit, or with one."""
    found: list[int] = []
    for place, length in enumerate(rising.tolist()):
        if not found or (place + 1 - found[-1]) * length > batch_tokens:
            found.append(place)
    return found


class Examples(pl.LightningDataModule):
    """Batches of a source. `collate` makes a batch from `Columns` of rows; `length` says how long each row of a split is.

    Batches hold `batch_size` examples; with `batch_tokens` those of training as many as have that many tokens, padded, where
    `tokens` counts each row's. Training examples may come in `variants` (see `ShuffledBatches`). Nothing is read before the
    first split is asked for.
    """

    def __init__(
        self,
        source: Source,
        collate: Callable[[Any], Any],
        *,
        length: Callable[[Dataset], Lengths],
        batch_size: int,
        seed: int,
        tokens: Callable[[Dataset], Lengths] | None = None,
        batch_tokens: int | None = None,
        variants: int = 1,
    ) -> None:
        super().__init__()
        if batch_size < 1:
            raise ValueError(f"batch_size={batch_size}: must be at least 1")
        if batch_tokens is not None and batch_tokens < 1:
            raise ValueError(
                f"batch_tokens={batch_tokens}: must be at least 1, or null for batches of batch_size examples"
            )
        if batch_tokens is not None and tokens is None:
            raise ValueError(
                f"batch_tokens={batch_tokens}: the tokens of these examples are not counted; leave it null"
            )
        self.source = source
        self.collate = collate
        self.length = length
        self.batch_size = batch_size
        self.seed = seed
        self.tokens = tokens
        self.batch_tokens = batch_tokens
        self.variants = variants

    @cached_property
    def splits(self) -> DatasetDict:
        """The source's splits, read once."""
        return self.source.load()

    def train_dataloader(self) -> DataLoader[Any]:
        """The training batches of this device."""
        rank, world = (0, 1) if self.trainer is None else (self.trainer.global_rank, self.trainer.world_size)
        train = self.splits["train"]
        order: ShuffledBatches
        if self.batch_tokens is not None and self.tokens is not None:
            order = TokenBatches(self.tokens(train), self.batch_tokens, self.seed, rank=rank, world=world)
        else:
            order = ShuffledBatches(
                self.length(train), self.batch_size, self.seed, rank=rank, world=world, variants=self.variants
            )
        return DataLoader(train, batch_size=None, sampler=order, collate_fn=self.collate, generator=apart())

    def val_dataloader(self) -> DataLoader[Any]:
        """The validation examples in their own order."""
        return self.in_order("validation")

    def test_dataloader(self) -> DataLoader[Any]:
        """The test examples in their own order."""
        return self.in_order("test")

    def in_order(self, split: str) -> DataLoader[Any]:
        """A split's examples in their own order."""
        rows = self.splits[split]
        batches = [list(range(i, min(i + self.batch_size, len(rows)))) for i in range(0, len(rows), self.batch_size)]
        return DataLoader(rows, batch_size=None, sampler=batches, collate_fn=self.collate, generator=apart())


def apart() -> torch.Generator:
    """What a loader draws from when it starts to iterate: not the common random state, which belongs to the model alone."""
    return torch.Generator()
