"""Caption metrics as the captioning community computes them, on words parted by blanks."""

from collections.abc import Sequence
from importlib.metadata import version
from typing import NamedTuple

from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.rouge.rouge import Rouge
from sacrebleu.metrics import BLEU

from attnbench.tasks.captioning.metrics.cider import ciders

COCO_BLEU = f"pycocoevalcap|reflen:closest|smooth:none|tok:none|version:{version('pycocoevalcap')}"
ORDERS = 4


class Figures(NamedTuple):
    """A metric's figure for all images together, and for each image where it has one; sacrebleu's signature."""

    corpus: dict[str, float]
    each: dict[str, list[float]]
    signature: str


def figures(said: Sequence[str], truth: Sequence[Sequence[str]]) -> Figures:
    """BLEU-1 to BLEU-4 and ROUGE-L (0-100), CIDEr (times 10) and sacrebleu's BLEU (0-100). Case counts.

    `bleu1` to `bleu4`, `rouge_l` and `cider` are what the COCO caption evaluation prints. Its CIDEr is CIDEr-D;
    `cider_unclipped` is the same without clipping and length penalty.
    """
    hypotheses, references = numbered(said, truth)
    bleus, bleus_each = Bleu(ORDERS).compute_score(references, hypotheses, verbose=0)
    _, rouges = Rouge().compute_score(references, hypotheses)
    clipped, unclipped = ciders(said, truth)
    each = {f"bleu{order}": [100 * value for value in found] for order, found in enumerate(bleus_each, start=1)}
    each |= {
        "rouge_l": [100 * float(value) for value in rouges],
        "cider": clipped,
        "cider_unclipped": unclipped,
    }
    corpus = {name: mean(values) for name, values in each.items()}
    corpus |= {f"bleu{order}": 100 * float(value) for order, value in enumerate(bleus, start=1)}
    corpus["sacrebleu"], signature = sacrebleu(said, truth)
    return Figures(corpus, each, signature)


def numbered(said: Sequence[str], truth: Sequence[Sequence[str]]) -> tuple[dict[int, list[str]], dict[int, list[str]]]:
    """Hypotheses and references in pycocoevalcap's form, single blanks between words."""
    return (
        {index: [" ".join(text.split())] for index, text in enumerate(said)},
        {index: [" ".join(text.split()) for text in texts] for index, texts in enumerate(truth)},
    )


def sacrebleu(said: Sequence[str], truth: Sequence[Sequence[str]]) -> tuple[float, str]:
    """sacrebleu's BLEU on words that are parted already, and its signature."""
    bleu = BLEU(tokenize="none", force=True)
    most = max(len(texts) for texts in truth)
    # As many for every image, the first again where there are fewer: neither counts nor the closest length change.
    columns = [[texts[index] if index < len(texts) else texts[0] for texts in truth] for index in range(most)]
    score = bleu.corpus_score(list(said), columns).score
    return score, str(bleu.get_signature())


def sentence_bleus(said: Sequence[str], truth: Sequence[Sequence[str]]) -> list[float]:
    """Each caption's BLEU with exponential smoothing and effective order, sacrebleu's form for single sentences."""
    bleu = BLEU(tokenize="none", effective_order=True)
    return [bleu.sentence_score(text, list(texts)).score for text, texts in zip(said, truth, strict=True)]


def mean(values: Sequence[float]) -> float:
    """Arithmetic mean."""
    return sum(values) / len(values)
