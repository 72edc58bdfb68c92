"""Data sets of the Hugging Face hub, or local copies in a form that `datasets` reads."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import datasets
import huggingface_hub
from datasets import Dataset, load_dataset

from attnbench.tasks.source import DataError


def hub_name(path: str, revision: str) -> str:
    """What messages call it."""
    return f"hub data set {path} (revision {revision})"


def hub_splits(
    path: str, revision: str, *, subset: str | None = None, needed: Collection[str] = (), offline: bool = False
) -> Mapping[str, Dataset]:
    """All splits of a data set: downloaded, from the cache, or, where `path` is a folder, from there; no code of its is run.

    With `offline` nobody is asked, and what is not in the cache is missing at once. Raises DataError, in one line, where the data
    set cannot be had or lacks a split of `needed`.
    """
    told = hub_name(path, revision)
    try:
        with asking_nobody(offline):
            splits: Mapping[str, Dataset] = load_dataset(
                path, subset, revision=None if Path(path).exists() else revision
            )
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{told} cannot be had: {reason}") from None
    missing = [name for name in needed if name not in splits]
    if missing:
        raise DataError(f"{told} has no split {', '.join(missing)}; it has {', '.join(splits)}: give task.data.splits")
    return splits


@contextmanager
def asking_nobody(offline: bool) -> Iterator[None]:
    """While it lasts, if `offline`, the libraries are as under HF_HUB_OFFLINE=1, which they read when they are imported."""
    settings = (datasets.config, huggingface_hub.constants)
    before = [module.HF_HUB_OFFLINE for module in settings]
    for module, was in zip(settings, before, strict=True):
        module.HF_HUB_OFFLINE = was or offline
    try:
        yield
    finally:
        for module, was in zip(settings, before, strict=True):
            module.HF_HUB_OFFLINE = was
