"""The command `attnbench translate RUN`: a run's model translates standard input, line by line."""

import argparse
import contextlib
import itertools
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, get_args

from jaxtyping import Float
from rich.console import Console
from torch import Tensor

from attnbench.benchmarks.arguments import Arguments
from attnbench.benchmarks.errors import InputError
from attnbench.benchmarks.record import read_record
from attnbench.benchmarks.restored import Restored, restored
from attnbench.benchmarks.score.options import refuse_odd_out
from attnbench.tasks.base import Prediction
from attnbench.tasks.sequence.search import Searches
from attnbench.tasks.sequence.text import END
from attnbench.tasks.sequence.worth import mean_weights
from attnbench.tasks.source import DataError, Source
from attnbench.tasks.translation import Translation, as_text
from attnbench.tasks.translation.pairs import PairSource
from attnbench.tasks.translation.pharaoh import pharaoh, predicted_links
from attnbench.tasks.translation.pieces import Pieces
from attnbench.tasks.translation.unknown import Replace, UnknownWords
from attnbench.tasks.translation.word_alignment import word_weights

SEARCH = ("beam", "length_penalty", "coverage_penalty", "n_best")


class Parser(Arguments):
    """What the command line may say."""

    def __init__(self) -> None:
        super().__init__("attnbench translate", __doc__)
        self.add_argument("run", type=Path, metavar="RUN", help="a run's folder, which holds record.json and best.ckpt")
        self.add_argument("--beam", type=int, metavar="N", help="hypotheses kept a step (the run's own)")
        self.add_argument("--length-penalty", type=float, metavar="α", help="the run's own; see docs/translating.md")
        self.add_argument("--coverage-penalty", type=float, metavar="β", help="the run's own")
        self.add_argument("--n-best", type=int, metavar="N", help="N lines a sentence: score, tab, translation")
        self.add_argument("--alignments", type=Path, metavar="FILE", help="Pharaoh links, a line for each that is said")
        self.add_argument("--replace-unknown", choices=get_args(Replace), help="what becomes of <unk> (the run's own)")
        self.add_argument("--dictionary", type=Path, metavar="FILE", help="two columns, to translate what is copied")
        self.add_argument("--batch-size", type=int, metavar="N", default=32, help="lines translated together (32)")
        self.add_argument(
            "--data-dir", default=os.environ.get("ATTNBENCH_DATA"), help="where data sets lie (ATTNBENCH_DATA)"
        )


class Line(NamedTuple):
    """What is written for one translation: a line of text, a line of links."""

    text: str = ""
    links: str = ""


def translate(arguments: Sequence[str]) -> None:
    """Translates until standard input ends, or nobody reads standard output. Raises InputError, DataError."""
    given = Parser().parse_args(arguments)
    if given.batch_size < 1:
        raise InputError(f"--batch-size {given.batch_size}: must be at least 1")
    run = ready(given)
    try:
        with contextlib.ExitStack() as opened, Console(stderr=True).status("translating") as status:
            links = None if given.alignments is None else opened.enter_context(given.alignments.open("wb"))
            done = 0
            for batch in batches(lines(sys.stdin.buffer), given.batch_size):
                found = translated(run, batch, given.n_best)
                sys.stdout.buffer.write("".join(f"{line.text}\n" for line in found).encode())
                sys.stdout.buffer.flush()
                if links is not None:
                    links.write("".join(f"{line.links}\n" for line in found).encode())
                done += len(batch)
                status.update(f"translating: {done} lines")
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nor is there anybody for what is left to flush


def ready(given: argparse.Namespace) -> Restored:
    """The run with what the command line changes of it. Raises InputError where it cannot translate like that."""
    refuse_odd_file("--alignments", given.alignments)
    record = read_record(given.run)
    if record.task != Translation.name:
        raise InputError(f"{given.run}: the run's task is {record.task}; only runs of task=translation translate")
    unknown = unknown_words(given.replace_unknown, given.dictionary)
    run = restored(given.run, {"data_dir": given.data_dir, "cache_dir": os.environ.get("ATTNBENCH_CACHE")}, {})
    if not isinstance(run.task, Translation) or not isinstance(run.model, Searches):
        raise InputError(f"{given.run}: its model has no search that could be asked for translations")
    if not run.model.kept:  # what it says with depends on data that have been read again
        checksum = run.task.data.source.checksum()
        if checksum != run.record.provenance.get("data_checksum", checksum):
            raise InputError(f"data {run.record.data}: not those of the run; their checksum is {checksum} now")
    changes = {name: getattr(given, name) for name in SEARCH if getattr(given, name) is not None}
    run.model.search = replace(run.model.search, **changes)
    if unknown is not None:
        run.task.unknown = unknown
    return run


def refuse_odd_file(option: str, path: Path | None) -> None:
    """Raises InputError where no such file could be written."""
    try:
        refuse_odd_out(path, each=False)
    except InputError as error:
        raise InputError(str(error).replace("--out", option, 1)) from None


def unknown_words(replaced: Replace | None, dictionary: Path | None) -> UnknownWords | None:
    """What the command line says of unknown words; a dictionary says that they are replaced."""
    if dictionary is not None and not dictionary.is_file():
        raise InputError(f"--dictionary {dictionary}: no such file")
    if replaced is None and dictionary is None:
        return None
    return UnknownWords(replaced or "copy", dictionary)


def lines(stream: Iterable[bytes]) -> Iterator[str]:
    """The stream's lines. Raises DataError where one is not UTF-8."""
    for number, line in enumerate(stream, start=1):
        try:
            yield line.decode("utf-8")
        except UnicodeDecodeError:
            raise DataError(f"standard input: line {number} is not UTF-8; convert the text") from None


def batches(stream: Iterator[str], size: int) -> Iterator[list[str]]:
    """So many lines at a time; of what came before a failure nothing is lost."""
    while True:
        batch: list[str] = []
        try:
            batch += itertools.islice(stream, size)
        except DataError:
            yield batch
            raise
        if not batch:
            return
        yield batch


def translated(run: Restored, batch: Sequence[str], n_best: int | None) -> list[Line]:
    """The lines to write for a batch of lines to read: one for each, or `n_best`; empty ones where nothing is said."""
    task = run.task
    assert isinstance(task, Translation)
    count = n_best or 1
    found = [[Line()] * count for _ in batch]
    source = as_data(task.data.source, batch)
    places = [place for place, line in enumerate(source) if as_text(line).strip()]
    if places:
        rows = {"source": [source[place] for place in places], "target": [[] for _ in places]}
        pieces = isinstance(task.vocabularies[1], Pieces)
        prediction = task.completed(run.model.predict(task.data.collate(rows)))
        for row, place in enumerate(places):
            those = written(prediction, row, ranked=n_best is not None, pieces=pieces)
            found[place] = those + [Line()] * (count - len(those))
    return [line for those in found for line in those]


def as_data(source: Source, text: Sequence[str]) -> list[str] | list[list[str]]:
    """The lines as the run's data are: raw, or in words."""
    return source.rows(list(text)) if isinstance(source, PairSource) else [line.split() for line in text]


def written(prediction: Prediction, row: int, *, ranked: bool, pieces: bool) -> list[Line]:
    """What is written for one sentence."""
    memory = prediction.memory[row]
    if not ranked:
        weights = mean_weights(prediction.alignments)[row]
        return [Line(prediction.said[row], links(prediction.queries[row], weights, memory, pieces=pieces))]
    if not prediction.ranked:
        raise InputError("--n-best: the run's model ranks no translations")
    return [
        Line(f"{score:.4f}\t{said}", links(queries, weights, memory, pieces=pieces))
        for said, queries, score, weights in prediction.ranked[row]
    ]


def links(
    queries: Sequence[str], weights: Float[Tensor, "query memory"], memory: Sequence[str], *, pieces: bool
) -> str:
    """Where the words that were said looked, as a line; of pieces those of the words that they make."""
    if not pieces:
        return pharaoh(predicted_links(queries, weights, len(memory)))
    among = word_weights(weights, queries, memory)
    labels = [END if queries[-1:] == [END] and place == len(among) - 1 else "" for place in range(len(among))]
    return pharaoh(predicted_links(labels, among, among.shape[1]))
