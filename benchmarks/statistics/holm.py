"""Holm's correction for many comparisons."""

from collections.abc import Sequence


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values corrected for all of them, in the order given, so that p ≤ α is wrong anywhere with a chance of at most α.

    Sorted p₍₁₎ ≤ … ≤ p₍ₘ₎ become max over j ≤ i of min(1, (m - j + 1) · p₍ⱼ₎) (Holm 1979), whatever ties them to each other.
    """
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    corrected = [0.0] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        corrected[index] = highest
    return corrected
