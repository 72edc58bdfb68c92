"""Records to be published: `python -m attnbench.benchmarks.publish RUNS ... --to FOLDER [--examples]`."""

import argparse
import shutil
import sys
from dataclasses import replace
from pathlib import Path

from attnbench.benchmarks.record import find_records, folder_name, write_record

BESIDE = ("examples.json", "exhibits.json")


def publish(runs: list[Path], folder: Path, *, examples: bool) -> list[Path]:
    """Copies the records of finished cells to TASK-DATA-MODEL/MECHANISM/CELL below the folder; says where they stand then.

    Each TASK-DATA-MODEL is a table of the report, so a page can show one of several. Without `examples`, nothing of the data goes
    along: no test examples, no lines that checks have quoted. Raises RecordError.
    """
    made = []
    for source, record in find_records(runs).items():
        if not record.finished:
            continue
        target = folder / f"{record.task}-{record.data}-{record.model}" / folder_name(record.attention) / source.name
        found = record.findings if examples else {kind: unquoted(finding) for kind, finding in record.findings.items()}
        write_record(target, replace(record, findings=found))
        for name in BESIDE if examples else ():
            if (source / name).exists():
                shutil.copyfile(source / name, target / name)
        made.append(target)
    return made


def unquoted(finding: object) -> object:
    """A finding's counts without the lines that it quotes."""
    return {key: value for key, value in finding.items() if key != "first"} if isinstance(finding, dict) else finding


def main(arguments: list[str] | None = None) -> None:
    """Publishes what the command line names."""
    parser = argparse.ArgumentParser(prog="python -m attnbench.benchmarks.publish", description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path, help="folders that hold runs")
    parser.add_argument("--to", type=Path, required=True, help="the folder, such as benchmarks/results/NAME")
    parser.add_argument("--examples", action="store_true", help="with test examples: for data that may be passed on")
    given = parser.parse_args(arguments)
    for target in publish(given.runs, given.to, examples=given.examples):
        sys.stdout.write(f"{target}\n")


if __name__ == "__main__":
    main()
