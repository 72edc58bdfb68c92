"""The command `attnbench score KIND`: scores prediction files from anywhere."""

from collections.abc import Callable, Sequence

from attnbench.benchmarks.errors import InputError, did_you_mean
from attnbench.benchmarks.score.alignment import score_alignment
from attnbench.benchmarks.score.captioning import score_captioning
from attnbench.benchmarks.score.squad import score_squad

KINDS: dict[str, Callable[[Sequence[str]], None]] = {
    "alignment": score_alignment,
    "captioning": score_captioning,
    "squad": score_squad,
}


def score(arguments: Sequence[str]) -> None:
    """Scores what the first argument names, with the options behind it. Raises InputError."""
    kinds = ", ".join(sorted(KINDS))
    if not arguments:
        raise InputError(f"score: say what kind of predictions: {kinds}")
    if arguments[0] in ("-h", "--help"):
        print(f"usage: attnbench score KIND ...; KIND is one of {kinds}; attnbench score KIND --help tells more")  # noqa: T201
        return
    if arguments[0] not in KINDS:
        raise InputError(f"{arguments[0]}: no such kind of predictions; {did_you_mean(arguments[0], list(KINDS))}")
    KINDS[arguments[0]](arguments[1:])
