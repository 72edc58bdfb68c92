"""The contracts as functions, for our tests and for those of plugins: they raise AssertionError and need no test framework."""

from attnbench.tasks.testing.attention_laws import LAWS, check_attention
from attnbench.tasks.testing.subject import Law, Subject
from attnbench.tasks.testing.task_contract import check_task

__all__ = ["LAWS", "Law", "Subject", "check_attention", "check_task"]
