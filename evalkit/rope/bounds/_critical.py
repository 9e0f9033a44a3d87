"""The critical dimension (Liu et al. 2023, "Scaling Laws of RoPE-based Extrapolation", arXiv 2310.05209).

Dimensions whose period fits into the training length have seen every angle; from the critical dimension on they have
seen a part of one turn, and positions beyond the training length give them angles that they never met. A larger base
makes all periods longer, so the last dimension that saw a whole turn now covers more positions: that is the limit.

Formulas: Lemma 1 and Theorem 3, as the authors' repository states them (OpenLMLab/scaling-rope, README.md).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["Training", "Tuning", "critical_base", "critical_dimension", "extrapolation_limit", "small_bases"]

TURN = 2 * math.pi
LARGEST_EXPONENT = 700.0
"""Of e, before a float overflows."""


@dataclass(frozen=True)
class Training:
    """How a model was pre-trained."""

    length: int
    """Tokens of its training texts."""
    base: float = 10000.0
    """Its rotation base."""


@dataclass(frozen=True)
class Tuning:
    """What becomes of a pre-trained model that is tuned with a base on texts of a length."""

    critical_base: float
    """β₀: above it the limit lies beyond the tuning length and is sharp; up to it the tuning length is the limit."""
    critical_dimension: int
    """Dimensions that saw a whole turn, of pre-training above β₀, of tuning up to it."""
    limit: float
    """Tokens up to which the model extrapolates."""
    is_above: bool
    """Whether the base is above β₀."""


def critical_dimension(dimension: int, training: Training) -> int:
    """d_extra (Lemma 1): how many of the dimensions turn at least once in the training length."""
    turns = dimension / 2 * math.log(training.length / TURN) / math.log(training.base)
    return min(2 * math.ceil(turns), dimension)


def extrapolation_limit(base: float, critical: int, dimension: int) -> float:
    """T_extra (Theorem 3): the period of the critical dimension under a base, in tokens."""
    return TURN * _power(base, critical / dimension)


def critical_base(training: Training, context: int) -> float:
    """β₀ (Theorem 3) of a model that is tuned on texts of `context` tokens; the paper's 10000 is its training base."""
    return _power(training.base, math.log(context / TURN) / math.log(training.length / TURN))


def small_bases(context: int) -> tuple[float, float, float]:
    """β₁, β₂ and β₃ (Theorem 3): bases below which every dimension sees a quarter, a half, a whole turn in tuning.

    A model tuned with a base below them extrapolates beyond its tuning length, with no sharp limit.
    """
    return 2 * context / math.pi, context / math.pi, context / TURN


def tune(base: float, dimension: int, training: Training, context: int) -> Tuning:
    """What Theorem 3 says of a model tuned with `base` on texts of `context` tokens."""
    threshold = critical_base(training, context)
    if base > threshold:
        critical = critical_dimension(dimension, training)
        return Tuning(threshold, critical, extrapolation_limit(base, critical, dimension), True)
    critical = critical_dimension(dimension, Training(context, base))
    return Tuning(threshold, critical, float(context), False)


def _power(base: float, exponent: float) -> float:
    """Base to the exponent; infinite where a float cannot hold it."""
    power = math.log(base) * exponent
    return math.exp(power) if power < LARGEST_EXPONENT else math.inf
