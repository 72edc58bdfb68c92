"""The command `attnbench dashboard`."""

import importlib.util
import json
import sys
from dataclasses import asdict

from attnbench.benchmarks.arguments import Arguments
from attnbench.benchmarks.dashboard.specification import Dashboard
from attnbench.benchmarks.dashboard.specification import dashboard as specified
from attnbench.benchmarks.errors import InputError
from attnbench.benchmarks.places import REMOTE, records_at
from attnbench.benchmarks.wandb_mode import resolved_mode
from attnbench.benchmarks.wandb_records import project_at

LIBRARY = "wandb_workspaces"


def dashboard(arguments: list[str]) -> None:
    """Builds a project's views and report at W&B; offline, or with --print, prints what they are. Raises InputError."""
    parser = Arguments("attnbench dashboard", "W&B views and a report of a project's runs, by task and mechanism.")
    parser.add_argument("project", metavar="ENTITY/PROJECT", help="where runs with logger=wandb went")
    parser.add_argument(
        "runs", nargs="*", metavar="RUNS", help="records that say what there is to show (the project's own)"
    )
    parser.add_argument("--print", action="store_true", dest="only_print", help="print what would be built, as JSON")
    given = parser.parse_args(arguments)
    place = f"{REMOTE}{given.project}"
    project, offline = project_at(place), resolved_mode("auto") == "offline"
    if offline and not given.runs:
        raise InputError(f"{given.project}: W&B is offline here; log in by `wandb login`, or give folders of RUNS")
    found = specified(records_at(given.runs or [place]).values(), project)
    if offline or given.only_print:
        sys.stdout.write(json.dumps(asdict(found), indent=1, ensure_ascii=False) + "\n")
        sys.stderr.write(told(found, "would be built online" if offline else "would be built") + "\n")
        return
    if importlib.util.find_spec(LIBRARY) is None:
        raise InputError("wandb-workspaces is not installed; pip install 'attention-bench[dashboard]'")
    from attnbench.benchmarks.dashboard.workspace import saved

    sys.stdout.write("\n".join(saved(found)) + "\n")


def told(found: Dashboard, what: str) -> str:
    """How much there is of it, in a line."""
    panels = sum(len(section.panels) for view in found.views for section in view.sections)
    views = f"{len(found.views)} view{'s' if len(found.views) != 1 else ''}"
    return f"{views} and a report with {panels} panels {what} in {found.entity}/{found.project}"
