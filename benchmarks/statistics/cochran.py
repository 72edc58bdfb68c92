"""The error of a difference that has two parts, one known from few values and one from many.

With standard errors a (from ν degrees of freedom) and b (from μ) the interval's half-width at level 1 - α is

    (t(ν; 1 - α/2) a² + t(μ; 1 - α/2) b²) / √(a² + b²)

Cochran's answer to Behrens and Fisher's question (Cochran 1964; Snedecor & Cochran 1989, ch. 6): each part's t weighs as
much as the part. With a or b of 0 it is Student's. Satterthwaite's degrees of freedom are too many where the few values happen
to lie close together; the page on validity shows what either does with few seeds.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy import optimize
from scipy.special import stdtrit

LEAST = -15.0  # log10 of the smallest p-value that is told apart


class Errors(NamedTuple):
    """Two standard errors, not both 0, and the degrees of freedom that each is known with."""

    a: float
    free: int
    b: float
    other_free: int


def half_width(alpha: float, errors: Errors) -> float:
    """Half the width of the interval that misses with chance alpha."""
    return float(half_widths(alpha, np.array([errors.a]), errors)[0])


def half_widths(alpha: float, a: Float[ndarray, " many"], errors: Errors) -> Float[ndarray, " many"]:
    """The same for many values of the first error."""
    one, other = -stdtrit(errors.free, alpha / 2), -stdtrit(errors.other_free, alpha / 2)
    made: Float[ndarray, " many"] = (one * a**2 + other * errors.b**2) / np.sqrt(a**2 + errors.b**2)
    return made


def two_sided(value: float, errors: Errors) -> float:
    """The p-value of a difference: the alpha whose interval just reaches 0."""
    if value == 0:
        return 1.0
    if half_width(10**LEAST, errors) <= abs(value):
        return 10.0**LEAST
    found = optimize.brentq(lambda power: half_width(10.0**power, errors) - abs(value), LEAST, 0.0, xtol=1e-10)
    return float(10.0**found)
