"""What tests of all parts use."""

import os
from collections.abc import Iterator
from pathlib import Path

import jaxtyping
import pytest


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
