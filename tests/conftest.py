"""What tests of all parts use."""

import os
from collections.abc import Iterator
from pathlib import Path

import jaxtyping
import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How many mechanisms were held to the laws and to references of their own."""
    passed = [report.nodeid for report in terminalreporter.getreports("passed")]
    laws = [name.partition("[")[2] for name in passed if "test_law_holds[" in name]
    if laws:
        mechanisms = {name.rpartition("-")[0] for name in laws}
        terminalreporter.write_line(f"laws held: {len(laws)}, by {len(mechanisms)} mechanisms")
        for what, test in {
            "equal to their references": "test_mechanism_is_its_plain_loop[",
            "score × selection refused with a reason": "test_refused_pair",
            "laws that cannot hold, and do not": "test_excepted_law_is_broken[",
        }.items():
            terminalreporter.write_line(f"{what}: {sum(test in name for name in passed)}")


@pytest.fixture
def unchecked_types() -> Iterator[None]:
    """Leaves refusing a wrong value to the code itself, as it is outside tests: annotations are not checked."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.fixture
def data_dir() -> str:
    """The folder of public data sets; the test is skipped where there is none."""
    folder = os.environ.get("ATTNBENCH_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("needs the public data sets: ATTNBENCH_DATA names no folder")
    return folder
