"""The order of examples: decided by seed and epoch alone, whatever else a run chooses."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
import torch
from datasets import Dataset, DatasetDict

from attnbench.tasks.examples import POOL, Columns, Examples, ShuffledBatches, TokenBatches
from attnbench.tasks.source import Source

LENGTHS = [(7 * number) % 23 + 1 for number in range(107)]


def batches(seed: int = 0, epoch: int = 0, *, rank: int = 0, world: int = 1, size: int = 8) -> list[list[int]]:
    return list(ShuffledBatches(LENGTHS, size, seed, epoch, rank, world))


def test_same_seed_and_epoch_give_the_same_order() -> None:
    assert batches(3, 5) == batches(3, 5)


@pytest.mark.parametrize("other", [(3, 6), (4, 5), (5, 3)])
def test_another_seed_or_epoch_gives_another_order(other: tuple[int, int]) -> None:
    assert batches(3, 5) != batches(*other)


@pytest.mark.parametrize("size", [1, 8, 107, 200])
def test_every_example_comes_once_an_epoch(size: int) -> None:
    found = batches(size=size)
    assert sorted(example for batch in found for example in batch) == list(range(len(LENGTHS)))
    assert len(found) == len(ShuffledBatches(LENGTHS, size, 0, 0))
    assert max(map(len, found)) <= size


def test_batches_hold_examples_of_like_length() -> None:
    assert len(LENGTHS) < POOL * 8, "one pool, so that lengths are sorted throughout"
    spreads = [max(LENGTHS[i] for i in batch) - min(LENGTHS[i] for i in batch) for batch in batches()]
    assert max(spreads) <= 2


def test_of_two_lengths_the_second_sorts_those_alike_in_the_first() -> None:
    lengths = [(number % 3, (5 * number) % 31) for number in range(93)]
    one_pool = ShuffledBatches(lengths, 4, seed=0).batches(np.random.default_rng(0).permutation(len(lengths)))
    assert len(lengths) < POOL * 4
    assert [lengths[i] for batch in one_pool for i in batch] == sorted(lengths)


def test_batches_do_not_come_in_order_of_length() -> None:
    means = [sum(LENGTHS[i] for i in batch) / len(batch) for batch in batches()]
    assert means != sorted(means)


@pytest.mark.parametrize("world", [2, 3])
def test_devices_share_the_batches_of_one(world: int) -> None:
    shares = [batches(rank=rank, world=world) for rank in range(world)]
    for whole, *parts in zip(batches(), *shares, strict=True):
        together = [example for part in parts for example in part]
        assert set(together) == set(whole)
        assert Counter(together) == Counter(whole) or len(whole) < world


def test_no_device_is_left_without_an_example() -> None:
    assert all(batches(rank=rank, world=4, size=2) for rank in range(4))
    assert all(batch for rank in range(4) for batch in batches(rank=rank, world=4, size=2))


class Numbers(Source):
    """As many words as LENGTHS say; counts how often it is read."""

    name = "numbers"

    def __init__(self) -> None:
        self.reads = 0

    def load(self) -> DatasetDict:
        self.reads += 1
        rows = Dataset.from_dict({"number": list(range(len(LENGTHS))), "length": LENGTHS})
        return DatasetDict({"train": rows, "validation": rows.select(range(20)), "test": rows.select(range(10))})

    def checksum(self) -> str:
        return "numbers"


def collate(rows: Columns) -> list[int]:
    return list(rows["number"])


def lengths(split: Dataset) -> Sequence[int]:
    return list(split["length"])


@pytest.fixture
def examples() -> Examples:
    return Examples(Numbers(), collate, length=lengths, batch_size=8, seed=3)


def test_nothing_is_read_before_it_is_asked_for_and_then_once(examples: Examples) -> None:
    assert isinstance(examples.source, Numbers)
    assert examples.source.reads == 0
    list(examples.val_dataloader())
    list(examples.test_dataloader())
    assert examples.source.reads == 1


def test_training_batches_are_those_of_seed_and_epoch(examples: Examples) -> None:
    assert list(examples.train_dataloader()) == batches(3, 0)


def test_the_global_random_state_has_no_part_in_the_order(examples: Examples) -> None:
    torch.manual_seed(1)
    first = list(examples.train_dataloader())
    torch.manual_seed(2)
    torch.rand(10)
    assert list(examples.train_dataloader()) == first


def test_reading_batches_leaves_the_order_of_draws_to_the_epochs_seed(examples: Examples) -> None:
    """A mechanism that draws more or fewer numbers between batches gets the same batches."""
    first: list[list[int]] = []
    for batch in examples.train_dataloader():
        torch.rand(len(first) + 1)
        first.append(batch)
    assert first == list(examples.train_dataloader())


def test_validation_and_test_stand_in_their_own_order(examples: Examples) -> None:
    assert [number for batch in examples.val_dataloader() for number in batch] == list(range(20))
    assert [number for batch in examples.test_dataloader() for number in batch] == list(range(10))
    assert [len(batch) for batch in examples.val_dataloader()] == [8, 8, 4]


def test_batch_size_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="batch_size=0: must be at least 1"):
        Examples(Numbers(), collate, length=lengths, batch_size=0, seed=0)


def test_starting_to_read_takes_nothing_from_the_common_random_state(examples: Examples) -> None:
    before = torch.get_rng_state()
    next(iter(examples.train_dataloader()))
    next(iter(examples.val_dataloader()))
    assert torch.equal(before, torch.get_rng_state())


def test_the_trainer_sets_the_epoch_and_with_it_the_order(examples: Examples) -> None:
    loader = examples.train_dataloader()
    assert isinstance(loader.sampler, ShuffledBatches)
    loader.sampler.set_epoch(4)
    assert list(loader) == batches(3, 4)


def token_batches(seed: int = 0, epoch: int = 0, *, rank: int = 0, world: int = 1, most: int = 60) -> list[list[int]]:
    return list(TokenBatches(LENGTHS, most, seed, epoch, rank, world))


def padded_tokens(batch: list[int]) -> int:
    return len(batch) * max(LENGTHS[i] for i in batch)


@pytest.mark.parametrize("most", [1, 10, 23, 60, 500, 10_000])
def test_batches_by_tokens_hold_every_example_once_and_keep_the_bound(most: int) -> None:
    found = token_batches(most=most)
    assert sorted(example for batch in found for example in batch) == list(range(len(LENGTHS)))
    assert all(padded_tokens(batch) <= most or len(batch) == 1 for batch in found)
    alone = [i for batch in found if padded_tokens(batch) > most for i in batch]
    assert sorted(alone) == [i for i, length in enumerate(LENGTHS) if length > most]


def test_batches_by_tokens_are_as_full_as_they_can_be() -> None:
    found = [[LENGTHS[i] for i in batch] for batch in token_batches()]
    for batch, following in pairwise(sorted(found, key=lambda batch: (min(batch), max(batch), -len(batch)))):
        assert (len(batch) + 1) * min(following) > 60, "the next example would have fitted"


def test_batches_by_tokens_are_decided_by_seed_and_epoch_alone() -> None:
    assert token_batches(3, 5) == token_batches(3, 5)
    for other in ((3, 6), (4, 5), (5, 3)):
        assert token_batches(3, 5) != token_batches(*other)
        together = [{frozenset(batch) for batch in found} for found in (token_batches(3, 5), token_batches(*other))]
        assert together[0] != together[1], "not the order of batches alone changes"


def test_every_epoch_has_as_many_batches_as_the_loader_says() -> None:
    order = TokenBatches(LENGTHS, 60, 0)
    for epoch in range(20):
        order.set_epoch(epoch)
        assert len(list(order)) == len(order)


@pytest.mark.parametrize("world", [2, 3])
def test_devices_share_the_batches_by_tokens_of_one(world: int) -> None:
    shares = [token_batches(rank=rank, world=world) for rank in range(world)]
    assert all(batch for share in shares for batch in share)
    for whole, *parts in zip(token_batches(), *shares, strict=True):
        together = [example for part in parts for example in part]
        assert set(together) == set(whole)
        assert Counter(together) == Counter(whole) or len(whole) < world


def test_training_alone_is_batched_by_tokens() -> None:
    examples = Examples(Numbers(), collate, length=lengths, batch_size=8, seed=3, tokens=lengths, batch_tokens=60)
    loader = examples.train_dataloader()
    assert list(loader) == token_batches(3, 0)
    assert len(loader) == len(token_batches(3, 0))
    assert [len(batch) for batch in examples.val_dataloader()] == [8, 8, 4]


def test_batch_tokens_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="batch_tokens=0: must be at least 1, or null"):
        Examples(Numbers(), collate, length=lengths, batch_size=8, seed=0, tokens=lengths, batch_tokens=0)
    with pytest.raises(ValueError, match="batch_tokens=60: the tokens of these examples are not counted"):
        Examples(Numbers(), collate, length=lengths, batch_size=8, seed=0, batch_tokens=60)
