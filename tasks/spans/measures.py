"""Exact match and F1 of answers, by the rules of SQuAD's evaluation (Rajpurkar et al. 2016, §6.1)."""

import re
import string
from collections import Counter
from collections.abc import Callable, Sequence

from attnbench.tasks.base import Prediction

ARTICLE = re.compile(r"\b(a|an|the)\b")
PUNCTUATION = str.maketrans("", "", string.punctuation)  # ASCII's alone: other marks stay


def normalised(answer: str) -> str:
    """Lower-cased, without ASCII punctuation, then without the words a, an, the, and with single blanks."""
    return " ".join(ARTICLE.sub(" ", answer.lower().translate(PUNCTUATION)).split())


def exact_match(said: str, truth: str) -> float:
    """100 where both are the same once normalised, else 0."""
    return 100.0 * (normalised(said) == normalised(truth))


def f1(said: str, truth: str) -> float:
    """Harmonic mean of precision and recall of the answer's words, as bags, in percent; 0 where none is shared."""
    words, right = normalised(said).split(), normalised(truth).split()
    same = (Counter(words) & Counter(right)).total()
    return 200.0 * same / (len(words) + len(right)) if same else 0.0


MEASURES: dict[str, Callable[[str, str], float]] = {"exact_match": exact_match, "f1": f1}


def best(measure: Callable[[str, str], float], said: str, truth: Sequence[str]) -> float:
    """The measure against the reference that suits it most."""
    return max(measure(said, reference) for reference in truth)


def each_answer(said: Sequence[str], truth: Sequence[Sequence[str]]) -> dict[str, list[float]]:
    """Exact match and F1 of each answer."""
    pairs = list(zip(said, truth, strict=True))
    return {name: [best(measure, *pair) for pair in pairs] for name, measure in MEASURES.items()}


def all_answers(predictions: Sequence[Prediction]) -> dict[str, list[float]]:
    """The same of every prediction's answers, one after the other."""
    said = [text for prediction in predictions for text in prediction.said]
    return each_answer(said, [texts for prediction in predictions for texts in prediction.truth])


def mean(values: Sequence[float]) -> float:
    """The mean; 0 where there is none, as in the evaluation of no answers."""
    return sum(values) / len(values) if values else 0.0
