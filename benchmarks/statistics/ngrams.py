"""BLEU, chrF and TER of summed counts, in the arrangement of sacrebleu's statistics a sentence; many sums at once."""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from attnbench.benchmarks.statistics.corpus import ratio

ORDERS = 4
TINY, SMALL = 1e-15, 1e-9  # what the COCO evaluation adds so that it never divides by 0
BETA = 2.0  # chrF's weight of recall


def bleu(sums: Float[ndarray, "*any 10"], *, smooth: str) -> Float[ndarray, "*any"]:
    """BLEU-4 (0-100) of [words said, words of the reference, 4 × n-grams right, 4 × n-grams said] (Papineni et al. 2002).

    `exp` smoothing counts the k-th order without a match as 1 / 2ᵏ of one n-gram (Chen & Cherry 2014, method 3), as
    sacrebleu does; `none` makes BLEU 0 where an order has no match.
    """
    said, reference, right, total = sums[..., 0], sums[..., 1], sums[..., 2:6], sums[..., 6:10]
    unmatched = (right <= 0) & (total > 0)
    halved = 0.5 ** np.cumsum(unmatched, axis=-1) if smooth == "exp" else np.zeros_like(right)
    share = np.divide(np.where(unmatched, halved, right), total, out=np.zeros_like(right), where=total > 0)
    some = (share > 0).all(axis=-1) & (right > 0).any(axis=-1)
    logs = np.log(np.where(share > 0, share, 1.0)).mean(axis=-1)
    short = np.divide(reference, said, out=np.ones_like(said), where=said > 0)
    return np.where(some, 100 * np.exp(logs + np.minimum(0.0, 1 - short)), 0.0)


def coco_bleu(sums: Float[ndarray, "*any 10"], *, order: int) -> Float[ndarray, "*any"]:
    """BLEU (0-100) up to an order as the COCO caption evaluation computes it, of the same counts: no smoothing."""
    said, reference, right, total = sums[..., 0], sums[..., 1], sums[..., 2:6], sums[..., 6:10]
    logs = np.log((right[..., :order] + TINY) / (total[..., :order] + SMALL)).mean(axis=-1)
    length = (said + TINY) / (reference + SMALL)
    return 100 * np.exp(logs + np.where(length < 1, 1 - 1 / np.maximum(length, TINY), 0.0))


def chrf(sums: Float[ndarray, "*any parts"]) -> Float[ndarray, "*any"]:
    """chrF (0-100) of [n-grams said, of the reference, right] an order: F₂ of mean precision and recall (Popović 2015)."""
    said, reference, right = (sums[..., part::3] for part in range(3))
    known = (said > 0) & (reference > 0)
    orders = np.maximum(known.sum(axis=-1), 1)
    precision = np.divide(right, said, out=np.zeros_like(right), where=known).sum(axis=-1) / orders
    recall = np.divide(right, reference, out=np.zeros_like(right), where=known).sum(axis=-1) / orders
    return 100 * ratio(np.stack([(1 + BETA**2) * precision * recall, BETA**2 * precision + recall], axis=-1))


def ter(sums: Float[ndarray, "*any 2"]) -> Float[ndarray, "*any"]:
    """TER of [edits, words of the reference]: edits a hundred words (Snover et al. 2006)."""
    return 100 * ratio(sums)
