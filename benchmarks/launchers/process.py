"""Starting a process and waiting for it. Light to import: pools do so in processes of their own."""

import subprocess
from collections.abc import Sequence


def exit_code(command: Sequence[str], log: str, folder: str) -> int:
    """The exit code of a command that ran in a folder, negative where a signal ended it; what it says is appended to a log."""
    with open(log, "ab") as said:
        process = subprocess.Popen(  # noqa: S603 - our own module, with the words that Hydra has parsed
            command, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT, cwd=folder
        )
        try:
            return process.wait()
        finally:
            process.kill()
            process.wait()
