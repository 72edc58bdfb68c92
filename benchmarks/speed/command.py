"""The command `attnbench speed`: measures every case, writes the files, shows the table."""

import logging
from collections.abc import Sequence

import torch
from rich.console import Console
from rich.markup import escape

from attnbench.benchmarks.provenance import gpu, processor
from attnbench.benchmarks.speed.garbage import settled
from attnbench.benchmarks.speed.measure import Case, measure
from attnbench.benchmarks.speed.mechanism import Mechanism, mechanisms
from attnbench.benchmarks.speed.options import given
from attnbench.benchmarks.speed.picture import picture
from attnbench.benchmarks.speed.plan import Plan
from attnbench.benchmarks.speed.row import WRONG, Row, write_rows
from attnbench.benchmarks.speed.table import terminal_tables


class SpeedFailed(RuntimeError):
    """Some forms were refused by their check or failed; the message names them."""


def speed(arguments: Sequence[str]) -> None:
    """Measures what the command line asks for. Raises SpeedFailed at the end where a row is wrong."""
    overrides, plan, out = given(arguments)
    found = mechanisms(overrides)
    for mechanism in found:
        buildable(mechanism, plan)
    out.mkdir(parents=True, exist_ok=True)  # what cannot be written is better known now
    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)  # a CPU is no reason to warn
    title = f"{where(plan)}, {plan.dtype}"
    rows = measured([Case(m, kind, sizes) for m in found for kind in plan.passes for sizes in plan.sizes], plan)
    write_rows(out, plan, rows)
    (out / "speed.svg").write_text(picture(rows, plan, title), "utf-8")
    Console().print(terminal_tables(rows, title))
    Console().print(f"results: {out}/speed.json, speed.csv, speed.svg", markup=False, highlight=False, soft_wrap=True)
    wrong = [row for row in rows if row.status in WRONG]
    if wrong:
        raise SpeedFailed(
            "; ".join(f"{row.mechanism}, {row.form}, {row.kind}, {row.sizes}: {row.note}" for row in wrong)
        )


def buildable(mechanism: Mechanism, plan: Plan) -> None:
    """Builds the mechanism at every width and forgets it. Raises InputError."""
    for hidden in sorted({sizes.hidden for sizes in plan.sizes}):
        mechanism.build(hidden)


def measured(cases: Sequence[Case], plan: Plan) -> list[Row]:
    """The rows of all cases, one case after the other, with a line of progress on the error stream."""
    console = Console(stderr=True)
    rows: list[Row] = []
    with settled(), console.status("") as status:
        for number, case in enumerate(cases, start=1):

            def tell(doing: str, number: int = number) -> None:
                status.update(escape(f"case {number} of {len(cases)}: {doing}"))

            rows += measure(case, plan, tell)
            if not console.is_terminal:
                line = f"case {number} of {len(cases)}: {case}"
                console.print(line, markup=False, highlight=False, soft_wrap=True)
    return rows


def where(plan: Plan) -> str:
    """The device's name, with the threads of a CPU."""
    if plan.device == "cuda":
        return gpu() or "GPU"
    threads = torch.get_num_threads()
    return f"{processor()}, {threads} thread{'' if threads == 1 else 's'}"
