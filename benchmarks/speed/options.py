"""The command line of `attnbench speed`, every value checked before anything is measured."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

import torch

from attnbench.benchmarks.arguments import Arguments
from attnbench.benchmarks.errors import InputError, did_you_mean
from attnbench.benchmarks.speed.plan import DEVICES, DTYPES, PASSES, Pass, Plan
from attnbench.benchmarks.speed.sizes import DIMENSIONS, Growth, Sizes

BASE = Sizes(batch=8, queries=64, memory=256, hidden=256)
MIB = 2**20


class Given(NamedTuple):
    """A whole command line."""

    overrides: list[str]
    plan: Plan
    out: Path


def parser() -> Arguments:
    """The options, with their help."""
    made = Arguments(
        prog="attnbench speed",
        description="Measures attention mechanisms alone: time and peak memory, over growing sizes.",
    )
    made.add_argument("attention", nargs="*", metavar="attention=NAME,...", help="mechanisms, with overrides as in run")
    for name, value in BASE._asdict().items():
        made.add_argument(f"--{name}", default=str(value), metavar="N", help=f"(default {value})")
    made.add_argument(
        "--grow", action="append", metavar="SIZE=N,N,...", help="what grows; may be repeated; none: nothing grows"
        " (default memory at a quarter, once and four times its size)"
    )  # fmt: skip
    made.add_argument("--pass", dest="passes", default=",".join(PASSES), metavar="PASS,...", help="(default all three)")
    made.add_argument("--dtype", default="float32", help=f"{' or '.join(DTYPES)} (default float32)")
    made.add_argument("--device", default="cpu", help=f"{' or '.join(DEVICES)} (default cpu)")
    made.add_argument("--prepared", action="store_true", help="start from a prepared memory, which counts as input")
    made.add_argument("--no-compile", action="store_true", help="leave torch.compile out")
    made.add_argument("--repeat", metavar="N", help="rounds of each case, instead of --seconds")
    made.add_argument("--seconds", default="2", metavar="S", help="time on the clock for each case (default 2)")
    made.add_argument("--limit", metavar="MIB", help="most memory above the inputs (default what is available)")
    made.add_argument("--out", default="speed", type=Path, metavar="FOLDER", help="where results go (default speed)")
    return made


def given(arguments: Sequence[str]) -> Given:
    """The command line, checked. Raises InputError."""
    words = parser().parse_intermixed_args(list(arguments))
    base = Sizes(**{name: whole(f"--{name}", getattr(words, name)) for name in DIMENSIONS})
    plan = Plan(
        base=base,
        growth=growth(words.grow, base),
        passes=passes(words.passes),
        dtype=one_of("--dtype", words.dtype, DTYPES),
        device=device(words.device),
        compiled=not words.no_compile,
        prepared=words.prepared,
        repeat=None if words.repeat is None else whole("--repeat", words.repeat),
        seconds=seconds(words.seconds),
        limit=None if words.limit is None else whole("--limit", words.limit) * MIB,
    )
    if words.out.exists() and not words.out.is_dir():
        raise InputError(f"--out {words.out}: is a file; give a folder")
    return Given(words.attention, plan, words.out)


def whole(option: str, text: str) -> int:
    """A whole number, 1 or more."""
    if not text.strip().isdecimal() or int(text) < 1:
        raise InputError(f"{option} {text}: must be a whole number, 1 or more")
    return int(text)


def seconds(text: str) -> float:
    """A time above 0."""
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not 0 < found < float("inf"):
        raise InputError(f"--seconds {text}: must be a number above 0")
    return found


def one_of(option: str, text: str, choices: Collection[str]) -> str:
    """One of the choices."""
    if text not in choices:
        raise InputError(f"{option} {text}: no such choice; {did_you_mean(text, list(choices))}")
    return text


def passes(text: str) -> tuple[Pass, ...]:
    """Some of the passes, each once."""
    words = [one_of("--pass", word.strip(), PASSES) for word in text.split(",")]
    return tuple(name for name in PASSES if name in words)


def growth(texts: Sequence[str] | None, base: Sizes) -> Growth:
    """What grows, by dimension."""
    if texts is None:
        quarter = max(1, base.memory // 4)
        return {"memory": tuple(sorted({quarter, base.memory, 4 * base.memory}))}
    if list(texts) == ["none"]:
        return {}
    found: dict[str, tuple[int, ...]] = {}
    for text in texts:
        name, _, values = text.partition("=")
        one_of("--grow", name, DIMENSIONS)
        found[name] = tuple(sorted({whole(f"--grow {name}=", value) for value in values.split(",")}))
    return found


def device(text: str) -> str:
    """A device that is there."""
    one_of("--device", text, DEVICES)
    if text == "cuda" and not torch.cuda.is_available():
        raise InputError("--device cuda: this machine has no GPU that torch can use; choices: cpu")
    return text
