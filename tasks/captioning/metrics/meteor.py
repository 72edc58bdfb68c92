"""METEOR 1.5 (Denkowski and Lavie 2014) as the COCO caption evaluation calls it, in Java."""

import math
from collections.abc import Sequence

from attnbench.tasks.captioning.metrics.java import running, shipped, time_for


def meteor(said: Sequence[str], truth: Sequence[Sequence[str]]) -> tuple[float, list[float]]:
    """METEOR (0-100) of all captions together and of each. Raises Unavailable without Java, or where it fails."""
    words = ["-Xmx2G", "-jar", str(shipped("meteor", "meteor-1.5.jar")), "-", "-", "-stdio", "-l", "en", "-norm"]
    with running("METEOR", words, time_for(len(said))) as program:
        statistics = [
            program.answer(" ||| ".join(("SCORE", *(clean(text) for text in texts), clean(text))))
            for text, texts in zip(said, truth, strict=True)
        ]
        each = [float(program.answer(" ||| ".join(("EVAL", *statistics))))]
        each += [float(program.line()) for _ in said[1:]]
        whole = float(program.line())
        if not all(map(math.isfinite, [whole, *each])):
            raise ValueError("a figure is no number")
    return 100 * whole, [100 * value for value in each]


def clean(text: str) -> str:
    """The words with single blanks, without the bars that part one sentence from the next."""
    return " ".join(text.replace("|||", "").split())
