"""What the commands' own parsers of arguments have in common."""

import argparse
from typing import NoReturn

from attnbench.benchmarks.errors import InputError


class Arguments(argparse.ArgumentParser):
    """An argument parser that takes whole options alone, and whose complaint is one line."""

    def __init__(self, prog: str, description: str | None) -> None:
        super().__init__(prog=prog, allow_abbrev=False, description=description)

    def error(self, message: str) -> NoReturn:
        """Raises InputError."""
        raise InputError(f"{message}; see {self.prog} --help")
