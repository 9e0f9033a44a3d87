"""Quantiles of Student's t and of the beta distribution.

Importing scipy takes longer than scoring a benchmark; tests hold these lines against it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

__all__ = ["beta_quantile", "t_quantile", "two_sided_p"]

STEPS = 500  # of the continued fraction; it converges in about the root of the larger parameter
SMALLEST = 1e-300  # stands for zero where the fraction divides
BISECTIONS = 60  # halves the unit interval below the precision of a double


@lru_cache(maxsize=256)
def t_quantile(probability: float, df: float) -> float:
    """The value that Student's t with `df` degrees of freedom stays below with a probability of 0.5 or more."""
    if not 0.5 <= probability < 1 or df <= 0:
        raise ValueError(f"no t quantile of {probability} with {df} degrees of freedom")
    # P(|T| > t) = I_x(df/2, 1/2) with x = df / (df + t²)
    x = beta_quantile(2 * (1 - probability), df / 2, 0.5)
    return math.sqrt(df * (1 - x) / x)


def two_sided_p(statistic: float, df: float) -> float:
    """How likely Student's t with `df` degrees of freedom lies as far from 0, on either side, as `statistic`."""
    return _beta_cdf(df / (df + statistic * statistic), df / 2, 0.5)


@lru_cache(maxsize=256)
def beta_quantile(probability: float, a: float, b: float) -> float:
    """The value that a beta variable stays below with that probability."""
    return _bisect(lambda x: _beta_cdf(x, a, b) < probability)


def _bisect(is_below: Callable[[float], bool]) -> float:
    low, high = 0.0, 1.0
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if is_below(middle) else (low, middle)
    return (low + high) / 2


def _beta_cdf(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function: its continued fraction, on the side where that converges fast."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - _beta_cdf(1 - x, b, a)
    front = a * math.log(x) + b * math.log1p(-x) - (math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b))
    return math.exp(front) * _fraction(x, a, b) / a


def _fraction(x: float, a: float, b: float) -> float:
    """DLMF 8.17.22, evaluated by the modified Lentz method (DLMF 3.10(iii))."""
    ratio, denominator = 1.0, 1 / _not_zero(1 - (a + b) * x / (a + 1))
    value = denominator
    for m in range(1, STEPS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        step = 1.0
        for term in (even, odd):
            denominator = 1 / _not_zero(1 + term * denominator)
            ratio = _not_zero(1 + term / ratio)
            step = denominator * ratio
            value *= step
        if abs(step - 1) < 1e-15:
            break
    return value


def _not_zero(value: float) -> float:
    return value if abs(value) > SMALLEST else SMALLEST
