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
BISECTIONS = 50
"""Halvings of a gap that find its lower bound to a billionth of a point."""
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
    """The verdict on one number: a test of equivalence and a test of a least effect, at 5% each.

    A gap may come out large in either direction, so the second counts both tails. Where the margin is a few errors
    wide, the other one weighs nothing; where it is small, this is the two-sided test of a difference.
    """
    size = abs(gap.difference)
    bound = size + gap.digits + quantile_of(gap.df) * gap.error
    p_differs = _p_beyond(margin, gap)
    verdict = Verdict.HELD if bound <= margin else Verdict.DIFFERS if p_differs <= LEVEL else Verdict.INCONCLUSIVE
    return Judged(verdict, _least(gap), bound, p_differs)


def quantile_of(df: float) -> float:
    """What the distribution of an error with so many degrees of freedom stays below with a probability of 0.95."""
    return NORMAL_95 if math.isinf(df) else t_quantile(1 - LEVEL, df)


def _least(gap: Gap) -> float:
    """The margin that the gap lies beyond with 95% confidence, 0 if none."""
    low, high = 0.0, max(abs(gap.difference) - gap.digits, 0.0)
    if not gap.error or _p_beyond(0.0, gap) > LEVEL:
        return 0.0 if gap.error else high
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        low, high = (low, middle) if _p_beyond(middle, gap) > LEVEL else (middle, high)
    return low


def _p_beyond(margin: float, gap: Gap) -> float:
    """p value of the hypothesis that the true gap is within the margin."""
    seen = abs(gap.difference) - gap.digits
    if not gap.error:
        return 0.0 if seen > margin else 1.0
    return min(_tail((seen - margin) / gap.error, gap.df) + _tail((seen + margin) / gap.error, gap.df), 1.0)


def _tail(ratio: float, df: float) -> float:
    """Probability that an error's ratio is larger."""
    if math.isinf(df):
        return math.erfc(ratio / math.sqrt(2)) / 2
    from scipy.special import stdtr  # takes longer to import than all else here

    return float(stdtr(df, -ratio))


def holm(p_values: Sequence[float], level: float = LEVEL) -> list[bool]:
    """Which of a family of hypotheses are rejected (Holm 1979), in the order given."""
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    rejected = [False] * len(p_values)
    for place, index in enumerate(order):
        if math.isnan(p_values[index]) or p_values[index] > level / (len(p_values) - place):
            break
        rejected[index] = True
    return rejected
