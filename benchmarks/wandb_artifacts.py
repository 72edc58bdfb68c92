"""What of a cell is kept at W&B as files: its record with the examples, and by option its checkpoint."""

from pathlib import Path

import wandb

from attnbench.benchmarks.record import FILE, Record, record_text

TYPE = "record"  # of the artifact that a comparison reads back
BESIDE = ("examples.json", "exhibits.json")  # what a report shows of a cell besides its record
WEIGHTS = ("best.ckpt", "config.yaml")


def artifact_name(cell: str) -> str:
    """The name of the artifact that holds the record of the cell with that hash."""
    return f"{TYPE}-{cell}"


def record_artifact(record: Record, folder: Path) -> wandb.Artifact:
    """The record, byte for byte as its file, and the files beside it that are there."""
    artifact = wandb.Artifact(
        artifact_name(record.cell), type=TYPE, metadata={"status": record.status, "format": record.format}
    )
    with artifact.new_file(FILE, mode="wb") as file:
        file.write(record_text(record).encode())
    for name in BESIDE if record.finished else ():
        if (folder / name).is_file():
            artifact.add_file(str(folder / name), name=name)
    return artifact


def checkpoint_artifact(record: Record, folder: Path) -> wandb.Artifact:
    """The weights that were tested, and the config that builds their model. The files are not copied: they may be large."""
    artifact = wandb.Artifact(f"checkpoint-{record.cell}", type="model")
    for name in WEIGHTS:
        artifact.add_file(str((folder / name).resolve()), name=name, policy="immutable")
    return artifact
