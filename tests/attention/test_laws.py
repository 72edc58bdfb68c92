"""The laws, over every mechanism that the configs name."""

import pytest

from attnbench.attention import AttentionFactory
from attnbench.tasks.testing import LAWS, Subject


def test_law_holds(law: str, value_dim: int, factory: AttentionFactory) -> None:
    assert LAWS[law](Subject(factory, value_dim=value_dim)) is None


def test_excepted_law_is_broken(law: str, value_dim: int, factory: AttentionFactory) -> None:
    """An exception that is not needed would hide a fault."""
    with pytest.raises(AssertionError):
        LAWS[law](Subject(factory, value_dim=value_dim))
