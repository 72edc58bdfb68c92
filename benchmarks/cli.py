"""The command `attnbench`."""

import argparse
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

USAGE = """attnbench: attention mechanisms compared fairly

  attnbench run [-m] KEY=VALUE ...   run a cell, or with -m the product of comma-separated choices
  attnbench status RUNS [KEY=VALUE ...]
                                     what of that sweep is done, running, failed, missing; --help tells more
  attnbench compare RUNS ... [--out FOLDER] [--mixed] [--wandb PROJECT]
                                     records to report.html, .md, .csv and pairs.csv; RUNS: folders, wandb://ENTITY/PROJECT
  attnbench compare RUNS ... --power [--effect X ...]
                                     how many seeds it takes to establish a difference
  attnbench dashboard ENTITY/PROJECT [RUNS ...] [--print]
                                     W&B views and a report of a project's runs; --help tells more
  attnbench speed [attention=NAME,...] [--grow SIZE=N,N,...]
                                     time and memory of mechanisms alone; --help tells more
  attnbench speed training KEY=VALUE ...
                                     words a second of a cell's training
  attnbench score KIND --predictions FILE --references FILE [--out FILE]
                                     prediction files from anywhere; KIND: alignment, captioning, squad; KIND --help tells more
  attnbench show RUN (--example N | --image FILE) [--out FILE]
                                     what a run's model says, and where it looked; --help tells more
  attnbench translate RUN < TEXT     a run's model translates standard input, line by line; --help tells more
  attnbench answer RUN --document FILE --question TEXT
                                     a run's model answers from a text, and says where it looked; --help tells more
  attnbench test RUN KEY=VALUE ... [--out FOLDER]
                                     a run's model is tested again: other test split, other search; --help tells more
  attnbench list [GROUP]             what there is to choose from
  attnbench doctor [--data-dir DIR]  what this machine has

Add --traceback to any of them for the whole story of an error."""


def run(arguments: list[str]) -> None:
    """Hands the arguments to Hydra."""
    import hydra
    from rich.console import Console

    from attnbench.benchmarks.launcher import told
    from attnbench.benchmarks.plugins import register
    from attnbench.benchmarks.progress import Board
    from attnbench.benchmarks.run import run_cell

    failures: list[Exception] = []

    def cell(config: Any) -> None:
        board = Board(Console(), 1)
        try:
            with board.live():
                record = run_cell(config, progress=board)
        except Exception as error:
            failures.append(error)
        else:
            print(f"{record.task}/{record.attention}/seed{record.seed}: {told(record)}")

    register()
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors come to us, to be told in one line
    # Hydra's parser stops at an option behind an override, so the one that people put anywhere goes first.
    flags = [word for word in arguments if word in ("-m", "--multirun")]
    sys.argv = ["attnbench run", *flags, *(word for word in arguments if word not in flags)]
    hydra.main(version_base="1.3", config_path="pkg://attnbench.conf", config_name="run")(cell)()
    if failures:
        raise failures[0]


def status(arguments: list[str]) -> None:
    """Says how the cells of a sweep stand."""
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors come to us, to be told in one line

    from attnbench.benchmarks.status import status as told

    told(arguments)


def compare(arguments: list[str]) -> None:
    """Compares the records below some folders."""
    from rich.console import Console

    from attnbench.benchmarks.compare import compare as compared
    from attnbench.benchmarks.places import home, origins, records_at
    from attnbench.benchmarks.report import terminal_table, write_report
    from attnbench.benchmarks.report.power import power_text

    parser = argparse.ArgumentParser(prog="attnbench compare")
    parser.add_argument("runs", nargs="+", help="folders that hold runs, or wandb://ENTITY/PROJECT")
    parser.add_argument("--out", type=Path, help="where the report goes (RUNS/report of the first)")
    parser.add_argument(
        "--mixed", action="store_true", help="compare runs of different budget, data or code all the same"
    )
    parser.add_argument("--wandb", metavar="PROJECT", help="log the comparison to a W&B PROJECT or ENTITY/PROJECT")
    parser.add_argument("--power", action="store_true", help="print how many seeds establish a difference; no report")
    parser.add_argument("--effect", type=float, nargs="+", default=[], help="the differences, in the measures' units")
    given = parser.parse_args(arguments)
    if any(not effect > 0 for effect in given.effect):
        parser.error(f"--effect {' '.join(map(str, given.effect))}: a difference above 0 is wanted")
    deliver = None if given.wandb is None else delivery(given.wandb)
    comparison = compared(records_at(given.runs), mixed=given.mixed, places=origins(given.runs))
    if given.power or given.effect:
        print(power_text(comparison, given.effect))
        return
    paths = write_report(comparison, given.out or home(given.runs[0]) / "report")
    Console().print(terminal_table(comparison))
    print(f"report: {paths.html}")
    if deliver is not None:
        print(deliver(comparison, paths))


def delivery(project: str) -> Callable[[Any, Any], str]:
    """What logs a comparison and its report to a W&B project, and tells where. Raises InputError for what is none."""
    from attnbench.benchmarks.wandb_comparison import log_comparison
    from attnbench.benchmarks.wandb_mode import project_of, resolved_mode

    return partial(log_comparison, project=project_of(project), mode=resolved_mode("auto"))


def dashboard(arguments: list[str]) -> None:
    """Builds W&B's views of a project."""
    from attnbench.benchmarks.dashboard.command import dashboard as built

    built(arguments)


def speed(arguments: list[str]) -> None:
    """Measures mechanisms alone, or a cell's training."""
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # torch's profiler talks; it reads this as torch is imported
    if arguments[:1] == ["training"]:
        os.environ["HYDRA_FULL_ERROR"] = "1"  # errors come to us, to be told in one line

        from attnbench.benchmarks.speed.training import training_speed

        training_speed(arguments[1:])
        return

    from attnbench.benchmarks.speed.command import speed as measured

    measured(arguments)


def score(arguments: list[str]) -> None:
    """Scores prediction files."""
    from attnbench.benchmarks.score import score as scored

    scored(arguments)


def show(arguments: list[str]) -> None:
    """Draws where a run's model looked."""
    from attnbench.benchmarks.show import show as shown

    shown(arguments)


def translate(arguments: list[str]) -> None:
    """Translates standard input."""
    from attnbench.benchmarks.translate import translate as translated

    translated(arguments)


def answer(arguments: list[str]) -> None:
    """Answers a question from a document."""
    from attnbench.benchmarks.answer import answer as answered

    answered(arguments)


def test(arguments: list[str]) -> None:
    """Tests a run's model again."""
    from attnbench.benchmarks.retest import test as tested

    tested(arguments)


def list_choices(arguments: list[str]) -> None:
    """Prints what there is to choose from."""
    from attnbench.benchmarks.errors import InputError, did_you_mean
    from attnbench.benchmarks.listing import GROUPS, options

    if arguments and arguments[0] not in GROUPS:
        raise InputError(f"{arguments[0]}: no such group; {did_you_mean(arguments[0], list(GROUPS))}")
    for group in arguments[:1] or GROUPS:
        print(f"{GROUPS[group]} ({group}=...)")
        choices = options(group)
        width = max(len(name) for name in choices)
        for name, description in choices.items():
            print(f"  {name:<{width}}  {description}")


def doctor(arguments: list[str]) -> None:
    """Prints what this machine has."""
    from attnbench.benchmarks.doctor import data_folder, findings

    parser = argparse.ArgumentParser(prog="attnbench doctor")
    parser.add_argument("--data-dir")
    for what, finding in findings(data_folder(parser.parse_args(arguments).data_dir)):
        print(f"{what:<28} {finding}")


COMMANDS = {
    "run": run,
    "status": status,
    "compare": compare,
    "dashboard": dashboard,
    "speed": speed,
    "score": score,
    "show": show,
    "translate": translate,
    "answer": answer,
    "test": test,
    "list": list_choices,
    "doctor": doctor,
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs a command; a failure is told in one line and exits with 1, wrong usage with 2, what is not done yet with 3."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    whole_story = "--traceback" in words
    words = [word for word in words if word != "--traceback"]
    if not words or words[0] in ("-h", "--help"):
        print(USAGE)
        sys.exit(0 if words else 2)
    command = COMMANDS.get(words[0])
    if command is None:
        print(f"attnbench: {words[0]}: no such command; choices: {', '.join(COMMANDS)}", file=sys.stderr)
        sys.exit(2)
    try:
        command(words[1:])
    except KeyboardInterrupt:
        after = "; the same command goes on where this one stopped" if command is run else ""
        print(f"attnbench: interrupted{after}", file=sys.stderr)
        sys.exit(130)
    except Exception as error:
        from attnbench.benchmarks.claim import TAKEN, CellTaken
        from attnbench.benchmarks.errors import explain
        from attnbench.benchmarks.launcher import CellsFailed

        if whole_story:
            traceback.print_exc()
        lines = str(error) if isinstance(error, CellsFailed) else explain(error)
        print(f"attnbench: {lines}", file=sys.stderr)
        sys.exit(TAKEN if isinstance(error, CellTaken) else 1)
