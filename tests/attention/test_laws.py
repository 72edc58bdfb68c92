"""The laws, over every mechanism that the configs name."""

from importlib import import_module

import pytest

from attnbench.tasks.testing import LAWS, Subject


def test_law_holds(law: str, subject: Subject) -> None:
    assert LAWS[law](subject) is None


def test_excepted_law_is_broken(law: str, subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception that is not needed would hide a fault."""
    # How wrong a gradient is, number by number, takes gradcheck most of a minute, and nobody asks here.
    gradcheck = import_module("torch.autograd.gradcheck")
    monkeypatch.setattr(gradcheck, "_run_slow_mode_and_get_error", lambda *_, **__: "", raising=False)
    with pytest.raises(AssertionError):
        LAWS[law](subject)
