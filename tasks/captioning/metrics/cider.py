"""CIDEr of Vedantam et al. 2015: how alike a caption and its references are in n-grams that few images share."""

from collections import Counter
from collections.abc import Mapping, Sequence
from math import exp, log, sqrt
from typing import NamedTuple

ORDERS = 4
SIGMA = 6.0  # of the length penalty, in words
SCALE = 10.0

Ngram = tuple[str, ...]


class Vector(NamedTuple):
    """A caption's n-grams of one order, weighted by tf-idf, with the vector's length."""

    weights: Mapping[Ngram, float]
    norm: float


def ciders(said: Sequence[str], truth: Sequence[Sequence[str]]) -> tuple[list[float], list[float]]:
    """Each image's CIDEr-D (eq. 4), which the COCO evaluation prints as CIDEr, and its CIDEr (eqs. 2 and 3), both times 10.

    An n-gram weighs log(images / images whose references hold it): with one image alone all weigh nothing, and both are 0.
    """
    counted = [[ngrams(text) for text in texts] for texts in truth]
    held = Counter(ngram for texts in counted for ngram in set().union(*(order for text in texts for order in text)))
    unseen = log(len(said))
    idf = {ngram: unseen - log(images) for ngram, images in held.items()}

    def vectors(orders: Sequence[Counter[Ngram]]) -> list[Vector]:
        return [vector({ngram: count * idf.get(ngram, unseen) for ngram, count in order.items()}) for order in orders]

    clipped, unclipped = [], []
    for text, references in zip(said, counted, strict=True):
        orders = ngrams(text)
        mine = vectors(orders)
        sums = [0.0, 0.0]
        for reference in references:
            penalty = exp(-((length(orders) - length(reference)) ** 2) / (2 * SIGMA**2))
            for one, other in zip(mine, vectors(reference), strict=True):
                sums[0] += penalty * cosine(one, other, clip=True)
                sums[1] += cosine(one, other, clip=False)
        scale = SCALE / (ORDERS * len(references))
        clipped.append(sums[0] * scale)
        unclipped.append(sums[1] * scale)
    return clipped, unclipped


def ngrams(text: str) -> list[Counter[Ngram]]:
    """How often each n-gram occurs, for n from 1 to 4."""
    words = text.split()
    return [Counter(zip(*(words[start:] for start in range(order)), strict=False)) for order in range(1, ORDERS + 1)]


def length(orders: Sequence[Counter[Ngram]]) -> int:
    """How many words a caption has."""
    return orders[0].total()


def vector(weights: Mapping[Ngram, float]) -> Vector:
    """The weights with their Euclidean norm."""
    return Vector(weights, sqrt(sum(weight * weight for weight in weights.values())))


def cosine(one: Vector, other: Vector, *, clip: bool) -> float:
    """The vectors' cosine; clipped, a word that is repeated counts no more than it does in `other`. 0 where one is empty."""
    if one.norm == 0 or other.norm == 0:
        return 0.0
    shared = [(weight, other.weights[ngram]) for ngram, weight in one.weights.items() if ngram in other.weights]
    dot = sum((min(mine, theirs) if clip else mine) * theirs for mine, theirs in shared)
    return dot / (one.norm * other.norm)
