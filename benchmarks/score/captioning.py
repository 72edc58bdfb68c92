"""`attnbench score captioning`: files in COCO's forms, scored as the COCO caption evaluation does."""

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any, NamedTuple

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from attnbench.benchmarks.errors import InputError, did_you_mean
from attnbench.benchmarks.provenance import versions
from attnbench.benchmarks.record import write_json
from attnbench.benchmarks.report.numbers import fixed
from attnbench.benchmarks.score.options import Parser, refuse_odd_out
from attnbench.tasks.captioning.metrics import COCO_BLEU, figures
from attnbench.tasks.captioning.metrics.coco import Matched, matched
from attnbench.tasks.captioning.metrics.java import Unavailable, java_version
from attnbench.tasks.captioning.metrics.meteor import meteor
from attnbench.tasks.captioning.metrics.ptb import ptb_words
from attnbench.tasks.captioning.metrics.spice import spice
from attnbench.tasks.captioning.words import caption_words

TITLES = {
    "bleu1": "BLEU-1",
    "bleu2": "BLEU-2",
    "bleu3": "BLEU-3",
    "bleu4": "BLEU-4",
    "meteor": "METEOR",
    "rouge_l": "ROUGE-L",
    "cider": "CIDEr",
    "cider_d": "CIDEr-D",
    "cider_unclipped": "CIDEr, unclipped",
    "spice": "SPICE",
    "sacrebleu": "BLEU (sacrebleu)",
}
NOTES = {
    "cider": "times 10, as the COCO evaluation prints it; is CIDEr-D",
    "cider_d": "the same figure under its own name",
    "cider_unclipped": "times 10, without clipping and length penalty",
    "sacrebleu": "BLEU-4 again, smoothed where that is 0",
}
TOKENIZERS = ("auto", "ptb", "python")
AGREEMENT = (
    "it makes the same words as PTBTokenizer of every caption of Flickr8k and Multi30k; of the questions of SQuAD, which are "
    "less plain, 0.2 % differ, and figures (0-100) in the third decimal"
)


class Tokenized(NamedTuple):
    """Captions and references as words parted by blanks, and how they were made so."""

    said: list[str]
    truth: list[list[str]]
    tokenizer: str
    told: str


class Scored(NamedTuple):
    """Figures for all images and for each; those that cannot be had are None, with the reason."""

    scores: dict[str, float | None]
    each: dict[str, list[float]]
    reasons: dict[str, str]
    sacrebleu: str


def score_captioning(arguments: Sequence[str]) -> None:
    """Reads, scores, prints, writes. Raises InputError or DataError before anything is written."""
    parser = Parser("captioning", "Scores captions in COCO's result form against COCO's annotation form.")
    parser.add_argument("--tokenized", action="store_true", help="both files hold words parted by blanks, to be kept")
    parser.add_argument(
        "--tokenizer", metavar="NAME", help="ptb (Java), python, or auto: ptb where there is Java (default auto)"
    )
    parser.add_argument("--no-java", action="store_true", help="start no Java: no METEOR and SPICE, tokenizer python")
    given = parser.parse_args(list(arguments))
    refuse_odd_out(given.out, each=given.each)
    chosen = tokenizer(given.tokenizer, tokenized=given.tokenized, java=not given.no_java)
    found = matched(given.predictions, given.references, partial=given.partial)
    java = None if given.no_java else java_version()
    with Console(stderr=True).status("tokenizing"):
        words = tokenize(found, chosen, java)
    with Console(stderr=True).status("scoring"):
        scored = scores(words, java=not given.no_java)
    show(found, words, scored)
    if given.out is not None:
        write_json(given.out, told(found, words, scored, java, each=given.each), indent=1)
        Console().print(f"results: {given.out}", markup=False, highlight=False, soft_wrap=True)


def tokenizer(name: str | None, *, tokenized: bool, java: bool) -> str:
    """The chosen tokenizer, `none` for files that are tokenised. Raises InputError for choices that exclude each other."""
    if name is not None and name not in TOKENIZERS:
        raise InputError(f"--tokenizer {name}: no such choice; {did_you_mean(name, list(TOKENIZERS))}")
    if tokenized and name is not None:
        raise InputError(f"--tokenizer {name}: --tokenized says that nothing is to be tokenised; give one of the two")
    if name == "ptb" and not java:
        raise InputError("--tokenizer ptb: runs in Java, which --no-java forbids; give one of the two")
    if tokenized:
        return "none"
    return name or "auto" if java else "python"


def tokenize(found: Matched, chosen: str, java: str | None) -> Tokenized:
    """The captions' words. Raises InputError where `ptb` was asked for and fails."""
    texts = [*found.said, *(text for texts in found.truth for text in texts)]
    why = "" if java else "there is no Java; "
    if chosen == "ptb" or (chosen == "auto" and java):
        try:
            return parted(found, ptb_words(texts), "ptb", f"PTBTokenizer, as in the COCO evaluation (Java {java})")
        except Unavailable as reason:
            if chosen == "ptb":
                raise InputError(f"--tokenizer ptb: {reason}") from None
            why = f"{reason}; "
    if chosen == "none":
        return parted(found, [text.split() for text in texts], "none", "none: words are parted at blanks")
    why = "" if chosen == "python" else why
    return parted(found, [caption_words(text) for text in texts], "python", f"python; {why}{AGREEMENT}")


def parted(found: Matched, words: Sequence[Sequence[str]], name: str, told: str) -> Tokenized:
    """The words of all captions, given first, and of all references, dealt out again."""
    lines = iter(words)
    said = [" ".join(next(lines)) for _ in found.said]
    return Tokenized(said, [[" ".join(next(lines)) for _ in texts] for texts in found.truth], name, told)


def scores(words: Tokenized, *, java: bool) -> Scored:
    """All figures; METEOR and SPICE where Java may be started and gives them."""
    plain = figures(words.said, words.truth)
    corpus: dict[str, float | None] = {**plain.corpus, "cider_d": plain.corpus["cider"]}
    each = dict(plain.each)
    reasons = {}
    for name, metric in {"meteor": meteor, "spice": spice}.items():
        corpus[name] = None
        try:
            if not java:
                raise Unavailable("--no-java")
            corpus[name], each[name] = metric(words.said, words.truth)
        except Unavailable as reason:
            reasons[name] = str(reason)
    return Scored({name: corpus[name] for name in TITLES}, each, reasons, plain.signature)


def show(found: Matched, words: Tokenized, scored: Scored) -> None:
    """Prints the figures as a table, and what a reader must know of them."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("measure")
    table.add_column("score", justify="right")
    table.add_column("")
    for name, value in scored.scores.items():
        places = 3 if name.startswith("cider") else 2
        note = f"see below: {TITLES[name]}" if name in scored.reasons else NOTES.get(name, "")
        table.add_row(TITLES[name], fixed(value, places), Text(note, "dim"))
    console = Console()
    console.print(table)
    references = sum(len(texts) for texts in found.truth)
    lines = [f"{TITLES[name]}: {reason}" for name, reason in scored.reasons.items()]
    lines += [f"{len(found.images)} images, {references} references; tokenizer: {words.told}"]
    if found.without_prediction:
        left = len(found.without_prediction)
        lines.append(f"partial: {left} of {left + len(found.images)} images have no prediction and are left out")
    lines.append(f"BLEU (sacrebleu): {scored.sacrebleu}")
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def told(found: Matched, words: Tokenized, scored: Scored, java: str | None, *, each: bool) -> Mapping[str, Any]:
    """What goes into the file."""
    rows = [
        {"image_id": image, **{name: values[index] for name, values in scored.each.items()}}
        for index, image in enumerate(found.images)
    ]
    return {
        "kind": "captioning",
        "scores": scored.scores,
        "reasons": scored.reasons,
        "images": len(found.images),
        "references": sum(len(texts) for texts in found.truth),
        "images_without_prediction": found.without_prediction,
        "tokenizer": words.tokenizer,
        "signatures": {"bleu4": COCO_BLEU, "sacrebleu": scored.sacrebleu},
        "versions": {**versions(), "pycocoevalcap": version("pycocoevalcap"), **({"java": java} if java else {})},
        **({"each": rows} if each else {}),
    }
