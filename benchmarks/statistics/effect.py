"""How large a difference is: in standard deviations of seeds, and as the chance that one seed beats another."""

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import gammaln


def hedges_g(first: Sequence[float], second: Sequence[float]) -> float | None:
    """(mean₁ - mean₂) / s · J, with s = √((s₁² (n₁-1) + s₂² (n₂-1)) / ν), ν = n₁ + n₂ - 2 (Hedges 1981).

    J = Γ(ν/2) / (√(ν/2) Γ((ν-1)/2)) takes the bias of few values away. None where seeds do not differ or there is only one.
    """
    free = len(first) + len(second) - 2
    if min(len(first), len(second)) < 2:
        return None
    one, other = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    pooled = math.sqrt((((one - one.mean()) ** 2).sum() + ((other - other.mean()) ** 2).sum()) / free)
    if pooled == 0:
        return None
    unbiased = math.exp(gammaln(free / 2) - gammaln((free - 1) / 2)) / math.sqrt(free / 2)
    return float((one.mean() - other.mean()) / pooled * unbiased)


def chance_above(first: Sequence[float], second: Sequence[float]) -> float:
    """P(X > Y) + P(X = Y) / 2 over all pairs of one value of each: the A of Vargha & Delaney 2000 (Mann-Whitney's U / nm).

    On one task it is the probability of improvement of Agarwal et al. 2021.
    """
    one, other = np.asarray(first, dtype=float)[:, None], np.asarray(second, dtype=float)[None, :]
    return float(((one > other) + (one == other) / 2).mean())
