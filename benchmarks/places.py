"""Where records come from: folders of this machine, or a W&B project as `wandb://ENTITY/PROJECT`."""

from collections.abc import Sequence
from pathlib import Path

from attnbench.benchmarks.record import Record, find_records

REMOTE = "wandb://"


def records_at(places: Sequence[str]) -> dict[Path, Record]:
    """All records of the places, by their cell's folder. Raises InputError and RecordError."""
    return find_records([folder for place in places for folder in folders(place)])


def origins(places: Sequence[str]) -> list[Path]:
    """The place on this machine that holds each one's records: what `records_at` gives of it is there or below."""
    return [home(place) if place.startswith(REMOTE) else Path(place) for place in places]


def folders(place: str) -> list[Path]:
    """The place itself, or the folders that the records of a W&B project were brought to."""
    if not place.startswith(REMOTE):
        return [Path(place)]
    from attnbench.benchmarks.wandb_records import fetched

    return fetched(place)


def home(place: str) -> Path:
    """The folder that a report on the place stands in unless one is named."""
    if place.startswith(REMOTE):
        from attnbench.benchmarks.wandb_records import folder_of

        return folder_of(place)
    path = Path(place)
    return path if path.is_dir() else path.parent
