"""Word alignments in the Pharaoh format: a line a sentence pair, `source-target` a sure link, `source?target` a possible one."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor

from attnbench.attention.quality import links
from attnbench.tasks.sequence.text import END
from attnbench.tasks.source import DataError
from attnbench.tasks.translation.parallel import read_lines

LINK = re.compile(r"([0-9]+)([-?])([0-9]+)", re.ASCII)
Link = tuple[int, int]  # the source word's and the target word's place, from 0


class Links(NamedTuple):
    """The links of one sentence pair; no link is both sure and possible."""

    sure: frozenset[Link]
    possible: frozenset[Link] = frozenset()


def read_links(path: Path, *, one_based: bool = False) -> list[Links]:
    """All lines of a file; an empty one has no links. `one_based` files count words from 1.

    Raises DataError, with the number of the line, where there is something else.
    """
    lines, _ = read_lines(path)
    return [parsed(line, f"{path}: line {number}", one_based=one_based) for number, line in enumerate(lines, start=1)]


def parsed(line: str, where: str, *, one_based: bool) -> Links:
    """One line's links; one that is given as sure and as possible is sure. Raises DataError, which begins with `where`."""
    found: dict[str, set[Link]] = {"-": set(), "?": set()}
    for word in line.split():
        match = LINK.fullmatch(word)
        if match is None:
            raise DataError(f"{where}: {word[:40]}: no link; should be like 0-0, or 0?0 for a possible one")
        source, target = int(match[1]) - one_based, int(match[3]) - one_based
        if min(source, target) < 0:
            raise DataError(f"{where}: {word}: there is no word 0 where words are counted from 1")
        found[match[2]].add((source, target))
    return Links(frozenset(found["-"]), frozenset(found["?"] - found["-"]))


def predicted_links(queries: Sequence[str], weights: Float[Tensor, "query memory"], words: int) -> list[Link]:
    """Each said word's largest weight among the source's `words`; none for a word that looked nowhere, nor for the end symbol."""
    said = len(queries) - (END in queries[-1:])
    chosen = links(weights[:said, :words].unsqueeze(0)).squeeze(0)
    return [(source, target) for target, source in chosen.nonzero().tolist()]


def pharaoh(found: Iterable[Link]) -> str:
    """Sure links as a line, from the first target word to the last."""
    return " ".join(f"{source}-{target}" for source, target in sorted(found, key=lambda link: link[::-1]))
