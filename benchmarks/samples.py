"""A run's test examples on a measure, from what stands beside its record; no task is asked, and none is known by name.

A measure's form is found by trying, and believed only where it gives back the record's own value: first the mean of the values
of single examples, then the corpus metric that the measure's signature names, computed from what was said and the truth. A
measure of neither kind has no examples to tell of, and is compared by its seeds alone.
"""

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from sacrebleu.metrics import BLEU, CHRF, TER

from attnbench.benchmarks.record import Record, read_json
from attnbench.benchmarks.statistics import ngrams
from attnbench.benchmarks.statistics.corpus import Sample, Scorer, mean_of

FILE = "examples.json"
CLOSE = 1e-6  # as a share of the record's value: sums taken in another order differ by less
TOKENIZERS = ("none", "13a", "intl", "zh", "char")  # sacrebleu's own, which fetch nothing
Truth = tuple[tuple[str, ...], ...]


@dataclass
class Examples:
    """What the file holds: what was said and the truth, and the values of measures that single examples have."""

    said: list[str]
    truth: list[list[str]]
    each: dict[str, list[float | bool | None]]


def examples_of(folder: Path) -> Mapping[str, Any] | None:
    """The run's examples, None where there are none. Raises RecordError where the file is damaged."""
    found: Mapping[str, Any] | None = read_json(folder / FILE, Examples)
    return found


def sample(folder: Path, record: Record, measure: str) -> Sample | None:
    """The run's examples on the measure; None where they are not there or do not add up to the record's value.

    Raises RecordError where the file is damaged.
    """
    value = record.measures.get(measure)
    found = examples_of(folder) if value is not None else None
    if found is None or value is None:
        return None
    truth = [list(texts) for texts in found["truth"]]
    name = hashlib.sha256(json.dumps(truth).encode()).hexdigest()
    each = found["each"].get(measure)
    tried = [mean_of(each, name)] if each else []
    if tried and adds_up(tried[0], value):
        return tried[0]
    corpus = from_texts(record.signatures.get(measure, ""), measure, found["said"], truth)
    if corpus is None:
        return None
    made = corpus._replace(examples=name)
    return made if adds_up(made, value) else None


def adds_up(found: Sample, value: float) -> bool:
    """Whether the examples give the value back."""
    return len(found.counts) > 1 and math.isclose(found.value, value, rel_tol=CLOSE, abs_tol=CLOSE)


def from_texts(signature: str, measure: str, said: Sequence[str], truth: Sequence[Sequence[str]]) -> Sample | None:
    """The corpus metric that the signature names, of these texts; None where it names none that is known."""
    if not said or len(said) != len(truth) or not all(truth):
        return None
    kind, scorer = metric(signature, measure)
    if kind is None or scorer is None:
        return None
    lowered = signature.startswith("pycocoevalcap")  # captions are measured in lower case
    texts = [text.lower() for text in said] if lowered else list(said)
    keys = tuple(tuple(t.lower() if lowered else t for t in texts_) for texts_ in truth)
    counts = statistics(kind, keys)(texts)
    return Sample(np.asarray(counts, dtype=float), scorer)


def metric(signature: str, measure: str) -> tuple[str | None, Scorer | None]:
    """sacrebleu's metric with its options, as a word that `statistics` reads, and what scores its sums."""
    parts = dict(part.partition(":")[::2] for part in signature.split("|"))
    case = parts.get("case", "mixed")
    order = measure.removeprefix("bleu")
    if signature.startswith("pycocoevalcap") and order in ("1", "2", "3", "4"):
        return "bleu none mixed", partial(ngrams.coco_bleu, order=int(order))
    if parts.get("smooth") in ("exp", "none") and parts.get("eff") == "no" and parts.get("tok") in TOKENIZERS:
        return f"bleu {parts['tok']} {case}", partial(ngrams.bleu, smooth=parts["smooth"])
    if "nc" in parts and parts.get("eff") == "yes":
        return f"chrf {parts['nc']} {parts.get('nw')} {parts.get('space')} {case}", ngrams.chrf
    if parts.get("punct") == "yes" and parts.get("norm") == "no" and parts.get("asian") == "no":
        return f"ter {case}", ngrams.ter
    return None, None


@lru_cache(maxsize=8)
def statistics(kind: str, truth: Truth) -> Callable[[Sequence[str]], Any]:
    """sacrebleu's counts of each sentence, the references read once for all runs that share them."""
    name, *options = kind.split()
    most = max(len(texts) for texts in truth)
    # As many for every example, the first again where there are fewer: neither counts nor the closest length change.
    columns = [[texts[index] if index < len(texts) else texts[0] for texts in truth] for index in range(most)]
    lowered = options[-1] == "lc"
    made: BLEU | CHRF | TER
    if name == "bleu":
        made = BLEU(tokenize=options[0], lowercase=lowered, force=True, references=columns)
    elif name == "chrf":
        made = CHRF(
            int(options[0]), int(options[1]), whitespace=options[2] == "yes", lowercase=lowered, references=columns
        )
    else:
        made = TER(case_sensitive=not lowered, references=columns)
    # What sacrebleu's own significance tests use; it has no public name there.
    return lambda said: made._extract_corpus_statistics(said, None)
