"""The laws, over every mechanism that the configs name."""

import pytest

from attnbench.attention import AttentionFactory
from attnbench.tasks.testing import LAWS, Subject


@pytest.mark.parametrize("law", LAWS)
def test_law_holds(law: str, factory: AttentionFactory) -> None:
    assert LAWS[law](Subject(factory)) is None
