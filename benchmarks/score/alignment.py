"""`attnbench score alignment`: word alignments in the Pharaoh format against gold ones, sure and possible."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from rich import box
from rich.console import Console
from rich.table import Table
from torch import Tensor

from attnbench.attention.quality import alignment_error_rate, alignment_precision_recall
from attnbench.benchmarks.errors import InputError
from attnbench.benchmarks.provenance import versions
from attnbench.benchmarks.record import write_json
from attnbench.benchmarks.report.numbers import fixed
from attnbench.benchmarks.score.options import Parser, refuse_odd_out
from attnbench.tasks.source import DataError
from attnbench.tasks.translation.pharaoh import Links, read_links

TITLES = {"alignment_error_rate": "AER", "precision": "precision", "recall": "recall"}
COUNTED = ("predictions", "references", "both")


def score_alignment(arguments: Sequence[str]) -> None:
    """Reads, scores, prints, writes. Raises InputError or DataError before anything is written."""
    parser = Parser(
        "alignment", "Scores word alignments in the Pharaoh format; both files have a line a sentence pair."
    )
    parser.add_argument("--one-based", choices=COUNTED, help="the files that count words from 1 (none: all from 0)")
    given = parser.parse_args(list(arguments))
    refuse_odd_out(given.out, each=given.each)
    if given.partial:
        raise InputError(
            "--partial: line n of one file belongs to line n of the other; give an empty line for no links"
        )
    for name in ("predictions", "references"):
        if not getattr(given, name).is_file():
            raise InputError(f"--{name} {getattr(given, name)}: no such file")
    predicted = read_links(given.predictions, one_based=given.one_based in ("predictions", "both"))
    gold = read_links(given.references, one_based=given.one_based in ("references", "both"))
    doubtful = next((number for number, links in enumerate(predicted, start=1) if links.possible), None)
    if doubtful is not None:
        raise DataError(f"{given.predictions}: line {doubtful}: possible links (?) are for references alone")
    if not gold or len(predicted) != len(gold):
        raise InputError(
            f"--predictions {given.predictions} has {len(predicted)} lines and --references {given.references} "
            f"{len(gold)}; they must pair up, and be at least one"
        )
    counts = torch.tensor([counted(*pair) for pair in zip(predicted, gold, strict=True)], dtype=torch.double)
    show(counts)
    if given.out is not None:
        each = {"each": [figures(row.unsqueeze(0)) for row in counts]} if given.each else {}
        told = {"kind": "alignment", "scores": figures(counts), "sentences": len(gold), "versions": versions(), **each}
        write_json(given.out, told, indent=1)
        Console().print(f"results: {given.out}", markup=False, highlight=False, soft_wrap=True)


def counted(predicted: Links, gold: Links) -> list[int]:
    """|A|, |S|, |A∩S|, |A∩P| of one sentence pair; P holds S."""
    said = predicted.sure
    return [len(said), len(gold.sure), len(said & gold.sure), len(said & (gold.sure | gold.possible))]


def figures(counts: Float[Tensor, "sentences 4"]) -> dict[str, float | None]:
    """AER, precision and recall; None where there is nothing to judge by."""
    values = (alignment_error_rate(counts), *alignment_precision_recall(counts))
    return {name: None if math.isnan(value) else value for name, value in zip(TITLES, values, strict=True)}


def show(counts: Float[Tensor, "sentences 4"]) -> None:
    """Prints the figures as a table, and what they were counted on."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("measure")
    table.add_column("score", justify="right")
    for name, value in figures(counts).items():
        table.add_row(TITLES[name], fixed(value, 4))
    predicted, sure = (int(number) for number in counts.sum(dim=0).tolist()[:2])
    console = Console()
    console.print(table)
    console.print(f"{len(counts)} sentences, {predicted} predicted links, {sure} sure ones", highlight=False)
