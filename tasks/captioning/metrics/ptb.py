"""The tokenizer of the COCO caption evaluation: Stanford's PTBTokenizer, in Java."""

from collections.abc import Sequence

from attnbench.tasks.captioning.metrics.java import Unavailable, finished, shipped, time_for

DROPPED = {"''", "'", "``", "`", "-LRB-", "-RRB-", "-LCB-", "-RCB-", ".", "?", "!", ",", ":", "-", "--", "...", ";"}


def ptb_words(captions: Sequence[str]) -> list[list[str]]:
    """The words of each caption, the evaluation's punctuation dropped. Raises Unavailable without Java.

    The evaluation drops brackets by names in capitals, which the tokenizer has lower-cased: they stay, as `-lrb-`.
    """
    lines = [" ".join(caption.split()) for caption in captions]
    words = [
        "-cp",
        str(shipped("tokenizer", "stanford-corenlp-3.4.1.jar")),
        "edu.stanford.nlp.process.PTBTokenizer",
        "-preserveLines",
        "-lowerCase",
    ]
    said = finished("PTBTokenizer", words, "\n".join(lines) + "\n", time_for(len(lines)))
    found = said.removesuffix("\n").split("\n")
    if len(found) != len(lines):
        raise Unavailable(f"PTBTokenizer made {len(found)} lines of {len(lines)} captions")
    return [[word for word in line.split() if word not in DROPPED] for line in found]
