"""What the kinds of `attnbench score` share on the command line."""

from pathlib import Path

from attnbench.benchmarks.arguments import Arguments
from attnbench.benchmarks.errors import InputError


class Parser(Arguments):
    """The options that every kind has."""

    def __init__(self, kind: str, description: str) -> None:
        super().__init__(f"attnbench score {kind}", description)
        self.add_argument("--predictions", required=True, type=Path, metavar="FILE", help="what was said")
        self.add_argument("--references", required=True, type=Path, metavar="FILE", help="what should have been said")
        self.add_argument("--out", type=Path, metavar="FILE", help="where to write the figures as JSON")
        self.add_argument("--each", action="store_true", help="put each prediction's figures into the JSON")
        self.add_argument("--partial", action="store_true", help="leave out references without prediction")


def refuse_odd_out(out: Path | None, *, each: bool) -> None:
    """Raises InputError where the figures could not be written, or would go nowhere."""
    if out is None:
        if each:
            raise InputError("--each: its figures go into the file that --out names; give --out FILE")
    elif out.is_dir():
        raise InputError(f"--out {out}: is a folder; give a file")
    elif not out.absolute().parent.is_dir():
        raise InputError(f"--out {out}: there is no folder {out.parent}")
