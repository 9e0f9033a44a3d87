"""One interval, three answers: does a number hold, does it differ, or can nobody say.

The published run answered the same questions, so which questions a benchmark asks is no noise here. What is left is the
rounding of the printed digits, the noise of runs, and the systematic gap, which is what the question is about.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from evalkit.scores import t_quantile

__all__ = ["LEVEL", "NORMAL_95", "Gap", "Judged", "Verdict", "holm", "judge", "quantile_of"]

LEVEL = 0.05
"""Chance of a wrong `held` at the margin, and of a wrong `differs` in a whole table."""
NORMAL_95 = 1.6448536269514722
"""The value that a standard normal variable stays below with a probability of 0.95."""


class Verdict(StrEnum):
    """What can be said of a published number."""

    HELD = "held"
    DIFFERS = "differs"
    INCONCLUSIVE = "inconclusive"
    NOT_COMPARABLE = "not comparable"


@dataclass(frozen=True)
class Gap:
    """How far our score lies from a published one, and how sure that is; points of 0–100."""

    difference: float
    """Ours minus the published one."""
    error: float
    """Standard error of the difference."""
    df: float
    """Degrees of freedom of the error; infinite for a normal quantile."""
    digits: float
    """The most that the printed digits hide: half a unit of the last one where they are rounded."""


@dataclass(frozen=True)
class Judged:
    """What the rule says of a gap."""

    verdict: Verdict
    """The verdict of this number alone, before a table of them is corrected for their number."""
    low: float
    """The gap, without its sign, is at least this with 95% confidence."""
    bound: float
    """And at most this: the smallest margin that the number holds to."""
    p_differs: float
    """p value of `gap beyond the margin`."""


def judge(gap: Gap, margin: float) -> Judged:
    """The verdict on one number: two one-sided tests at 5% each, one of equivalence, one of a least effect."""
    size, quantile = abs(gap.difference), quantile_of(gap.df)
    low = max(size - gap.digits - quantile * gap.error, 0.0)
    bound = size + gap.digits + quantile * gap.error
    verdict = Verdict.HELD if bound <= margin else Verdict.DIFFERS if low > margin else Verdict.INCONCLUSIVE
    return Judged(verdict, low, bound, _p_beyond(size - gap.digits - margin, gap))


def quantile_of(df: float) -> float:
    """What the distribution of an error with so many degrees of freedom stays below with a probability of 0.95."""
    return NORMAL_95 if math.isinf(df) else t_quantile(1 - LEVEL, df)


def _p_beyond(excess: float, gap: Gap) -> float:
    """p value of the hypothesis that the true gap is within the margin, of which the seen one lies `excess` beyond."""
    if not gap.error:
        return 0.0 if excess > 0 else 1.0
    from scipy.special import ndtr, stdtr  # takes longer to import than all else here

    ratio = excess / gap.error
    return float(ndtr(-ratio) if math.isinf(gap.df) else stdtr(gap.df, -ratio))


def holm(p_values: Sequence[float], level: float = LEVEL) -> list[bool]:
    """Which of a family of hypotheses are rejected (Holm 1979), in the order given."""
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    rejected = [False] * len(p_values)
    for place, index in enumerate(order):
        if math.isnan(p_values[index]) or p_values[index] > level / (len(p_values) - place):
            break
        rejected[index] = True
    return rejected
