"""Data sets of the Hugging Face hub, or local copies in a form that `datasets` reads."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import datasets
import huggingface_hub
from datasets import Dataset, load_dataset

from attnbench.tasks.source import SPLITS, DataError, file_checksum


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


@dataclass(kw_only=True, eq=False)
class HubData:
    """A data set by its name and revision, or a local folder: what sources have in common whose rows come from the hub.

    Give a commit as revision to pin the content. `subset` is the hub's name of a configuration.
    """

    path: str
    revision: str
    subset: str | None = None
    offline: bool = False

    @property
    def told(self) -> str:
        """What messages call it."""
        return hub_name(self.path, self.revision)

    def fetched(self, needed: Collection[str] = ()) -> Mapping[str, Dataset]:
        """Its splits. Raises DataError where they cannot be had, or one of `needed` is not there."""
        return hub_splits(self.path, self.revision, subset=self.subset, needed=needed, offline=self.offline)

    def require(self, rows: Dataset, *columns: str | None) -> None:
        """Raises DataError for a column that is not there."""
        missing = [column for column in columns if column is not None and column not in rows.column_names]
        if missing:
            raise DataError(f"{self.told} has no column {', '.join(missing)}; it has {', '.join(rows.column_names)}")

    def origin(self) -> str:
        """The name and revision, or a hash of the bytes of a local copy."""
        local = Path(self.path)
        if local.exists():
            return file_checksum(sorted(path for path in local.rglob("*") if path.is_file()))
        return f"{self.path}@{self.revision}"


@dataclass(kw_only=True, eq=False)
class HubSplits(HubData):
    """One of which each of our splits is a split; `splits` says what they are called there."""

    optional: ClassVar[frozenset[str]] = frozenset()  # those of our splits that it need not have

    splits: Mapping[str, str] = field(default_factory=lambda: {split: split for split in SPLITS})

    def check_splits(self) -> None:
        """Raises ValueError where `splits` does not name one for each of ours."""
        given, needed = dict(self.splits), [split for split in SPLITS if split not in self.optional]
        if not set(needed) <= set(given) <= set(SPLITS) or len(set(given.values())) < len(given):
            may = f", and may for {', '.join(sorted(self.optional))}" if self.optional else ""
            raise ValueError(f"splits={given}: must name for each of {', '.join(needed)}{may} one of its own")

    def there(self) -> Mapping[str, Dataset]:
        """Its rows, by our splits. Raises DataError where they cannot be had."""
        fetched = self.fetched(self.splits.values())
        return {split: fetched[theirs] for split, theirs in self.splits.items()}


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
