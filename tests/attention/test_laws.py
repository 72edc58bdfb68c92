"""The laws, over every mechanism that the configs name."""

import pytest

from attnbench.tasks.testing import LAWS, Subject


def test_law_holds(law: str, subject: Subject) -> None:
    assert LAWS[law](subject) is None


def test_excepted_law_is_broken(law: str, subject: Subject) -> None:
    """An exception that is not needed would hide a fault."""
    with pytest.raises(AssertionError):
        LAWS[law](subject)
