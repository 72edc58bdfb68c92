"""Numbers as the field writes them, and names of measures as people say them."""

import math
import re
from collections.abc import Iterable

from attnbench.benchmarks.comparison import Summary
from attnbench.benchmarks.statistics.student import Interval

DASH = "–"
LABELS = {
    "bleu": "BLEU",
    "bleu_lowercased_tokenized": "BLEU, lower-cased tokenised",
    "bleu1": "BLEU-1",
    "bleu2": "BLEU-2",
    "bleu3": "BLEU-3",
    "bleu4": "BLEU-4",
    "sacrebleu": "BLEU (sacrebleu)",
    "rouge_l": "ROUGE-L",
    "cider_unclipped": "CIDEr, unclipped",
    "meteor": "METEOR",
    "spice": "SPICE",
    "chrf": "chrF",
    "ter": "TER",
    "cider": "CIDEr",
    "nll": "NLL (nats)",
    "entropy": "Entropy (nats)",
    "dependence": "Dependence (nats)",
    "alignment_error_rate": "AER",
    "parameters": "Parameters",
    "attention_parameters": "of them attention's",
    "flops_per_example": "FLOPs/example",
    "seconds": "Time (s)",
    "step_seconds": "Step (ms)",
    "step_seconds_spread": "Steps' quartiles apart (ms)",
    "symbols_per_second": "Words/s",
    "examples_per_second": "Examples/s",
    "predictions_per_second": "Predictions/s",
    "peak_memory_bytes": "Peak memory (MiB)",
    "energy_joules": "Energy (J)",
}
DECIMALS = {"bleu": 1, "chrf": 1, "ter": 1, "nll": 3, "perplexity": 2, "cider": 3}
LOWER_IS_BETTER = ("nll", "perplexity", "alignment_error_rate", "ter")
COSTS = (
    "parameters",
    "attention_parameters",
    "flops_per_example",
    "seconds",
    "step_seconds",
    "step_seconds_spread",
    "symbols_per_second",
    "examples_per_second",
    "predictions_per_second",
    "peak_memory_bytes",
    "energy_joules",
)
GAINS = ("symbols_per_second", "examples_per_second", "predictions_per_second")  # what is no cost: more of it is better
AMOUNTS = ("parameters", "attention_parameters", "flops_per_example", *GAINS)
PERCENT = 1.5  # above it, a measure is not a share of 1
MIB = 2**20


def label(name: str) -> str:
    """The measure's name for people."""
    spaced = name.replace("_", " ")
    return LABELS.get(name) or LABELS.get(re.sub(r"[^a-z0-9]", "", name)) or spaced[:1].upper() + spaced[1:]


def decimals(name: str, values: Iterable[float]) -> int:
    """How many decimals a column of this measure shows: the field's custom, else 1 for percents and 3 for shares of 1."""
    stem = re.split(r"[^a-z]", name, maxsplit=1)[0]
    if stem in DECIMALS:
        return DECIMALS[stem]
    return 1 if max((abs(value) for value in values), default=0.0) > PERCENT else 3


def fixed(value: float | None, places: int) -> str:
    """With so many decimals; a dash for what is missing. Never a negative zero."""
    if value is None or not math.isfinite(value):
        return DASH
    written = f"{value:.{places}f}"
    return written.removeprefix("-") if float(written) == 0 else written


def mean_and_margin(found: Summary | None, places: int) -> str:
    """`mean ± half the 95 % interval`, the mean alone for one seed, a dash where there is nothing."""
    if found is None:
        return DASH
    mean = fixed(found.mean, places)
    return mean if found.margin is None else f"{mean} ± {fixed(found.margin, places)}"


def interval(edges: Interval | None, places: int) -> str:
    """` [low, high]`, nothing where there is no interval."""
    return "" if edges is None else f" [{fixed(edges.low, places)}, {fixed(edges.high, places)}]"


def seeds(count: int) -> str:
    """`1 seed`, `3 seeds`."""
    return f"{count} seed{'' if count == 1 else 's'}"


def amount(value: float) -> str:
    """How many, in k and M: 34 k, 1.2 M."""
    for size, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if abs(value) >= 0.9995 * size:
            scaled = value / size
            return f"{scaled:.0f}{unit}" if abs(scaled) >= 99.5 else f"{scaled:.3g}{unit}"
    return f"{value:.0f}"


def duration(seconds: float) -> str:
    """Seconds with their unit, minutes and hours where there are some."""
    if seconds < 120:
        return f"{seconds:.0f} s" if seconds >= 9.95 else f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{seconds / 3600:.1f} h"


def scaled(name: str, value: float) -> float:
    """A cost in the unit that its label names."""
    return value * {"step_seconds": 1000.0, "step_seconds_spread": 1000.0, "peak_memory_bytes": 1 / MIB}.get(name, 1.0)


def cost(name: str, found: Summary | None) -> str:
    """A cost in the unit that its label names; the mean over seeds."""
    if found is None:
        return DASH
    value = scaled(name, found.mean)
    if name in AMOUNTS:
        return amount(value)
    return fixed(value, 0 if value >= 100 or name == "peak_memory_bytes" else 1)
