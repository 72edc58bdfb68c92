"""One case: a mechanism, a pass, a size, in all its forms."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import torch

from attnbench.benchmarks.errors import one_line
from attnbench.benchmarks.speed.clock import timed
from attnbench.benchmarks.speed.fit import DoesNotFit, foresee, keep_within, limited
from attnbench.benchmarks.speed.forms import COMPILED, PLAIN, Form, forms
from attnbench.benchmarks.speed.garbage import collected_before
from attnbench.benchmarks.speed.gate import TOLERANCE, check
from attnbench.benchmarks.speed.inputs import inputs_for
from attnbench.benchmarks.speed.mechanism import Mechanism
from attnbench.benchmarks.speed.peak import peak
from attnbench.benchmarks.speed.plan import Pass, Plan
from attnbench.benchmarks.speed.row import Row, Status, compared
from attnbench.benchmarks.speed.sizes import Sizes
from attnbench.benchmarks.speed.work import Work

LETTERS = 200  # of a cause that are shown
Tell = Callable[[str], None]


class Stopped(Exception):
    """A form is not measured; carries the row's status and note."""

    def __init__(self, status: Status, note: str) -> None:
        super().__init__(note)
        self.status, self.note = status, note


class Case(NamedTuple):
    """What is measured together."""

    mechanism: Mechanism
    kind: Pass
    sizes: Sizes

    def __str__(self) -> str:
        return f"{self.mechanism.name}, {self.kind}, {self.sizes}"

    def row(self, form: Form) -> Row:
        """An empty row."""
        return Row(self.mechanism.name, form.name, self.kind, *self.sizes)


def measure(case: Case, plan: Plan, tell: Tell) -> list[Row]:
    """The rows of a case, one a form: each checked and its memory taken first, then all on the clock in turns."""
    if plan.compiled:
        torch.compiler.reset()
    with collected_before():
        found = forms(case.mechanism, plan, case.sizes)
        rows, works = {}, {}
        for form in found:
            tell(f"{case}: {form.name}")
            try:
                rows[form.name], works[form.name] = prepared(form, found[0], case, plan)
            except Stopped as stopped:
                rows[form.name] = replace(case.row(form), status=stopped.status, note=stopped.note)
        tell(f"{case}: timing")
        rows |= on_the_clock(rows, works, plan) if works else {}
    return compared(list(rows.values()))


def prepared(form: Form, plain: Form, case: Case, plan: Plan) -> tuple[Row, Work]:
    """The form's row with all but times, and its work, warmed up. Raises Stopped."""
    known = case.mechanism.has_kernels
    apart = None
    try:
        if form.name == PLAIN and known:
            foresee(plan, case.sizes, case.kind)
        if form.name != PLAIN:
            apart = check(form, plain, plan, case.sizes, case.kind, foreseen=known)
            if apart > TOLERANCE[plan.dtype]:
                raise Stopped(
                    "check failed", f"check failed: off by {apart:.2g}, {TOLERANCE[plan.dtype]:.0e} is allowed"
                )
        with limited(plan.device):
            row, work = with_memory(case.row(form), form, plan)
        keep_within(plan, row.peak_bytes or 0)
    except DoesNotFit as error:
        raise Stopped("skipped", f"does not fit: {error}") from None
    except Stopped:
        raise
    except Exception as error:
        status: Status = "not compiled" if form.name == COMPILED else "failed"
        raise Stopped(status, f"{status}: {cause(error)}") from error
    return replace(row, deviation=apart), work


def with_memory(row: Row, form: Form, plan: Plan) -> tuple[Row, Work]:
    """The row with the memory of a call that was warmed up, and the work."""
    work = Work(form, inputs_for(plan, row.sizes), row.kind, prepared=plan.prepared)
    handed = sum(gradient.nbytes for gradient in work()[1] if gradient is not None)
    found = peak(work, plan.device)
    return replace(
        row,
        peak_bytes=found.tensors,
        resident_bytes=found.resident,
        gradient_bytes=handed if row.kind == "backward" else None,
    ), work


def on_the_clock(rows: dict[str, Row], works: dict[str, Work], plan: Plan) -> dict[str, Row]:
    """The rows with their times."""
    try:
        with limited(plan.device):
            times = timed(works, plan)
    except DoesNotFit as error:
        return {name: replace(rows[name], status="skipped", note=f"does not fit: {error}") for name in works}
    return {name: rows[name].with_times(seconds) for name, seconds in times.items()}


def cause(error: BaseException) -> str:
    """The innermost cause of a failure in one short line."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines: Sequence[str] = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = one_line(lines[0] if lines else type(error).__name__)
    return text if len(text) <= LETTERS else text[: LETTERS - 1] + "…"
