"""What would settle an inconclusive verdict: reruns, samples, or nothing."""

from __future__ import annotations

import math
from collections.abc import Callable

from ._noise import RunNoise, upper_rate
from ._rule import NORMAL_95, Gap, Verdict, judge, quantile_of

__all__ = ["settle"]

MOST_RUNS = 1_000
"""Runs that nobody makes; with more of them hardly anything changes."""


def settle(gap: Gap, margin: float, n: int, noise: RunNoise | None = None, k: int | None = None, draws: int = 1) -> str:
    """One sentence on an inconclusive verdict of `n` samples, should the difference stay as it is.

    With the `noise` of several runs of `draws` answers to each sample it counts our reruns against `k` published ones
    (None: one), should answers change as often as they did; without, samples of both sides.
    """
    if noise is not None:
        return _by_reruns(gap, margin, noise, (k or 1) / draws, k or 1)
    if math.isinf(gap.error):
        return "cannot be settled: of a single document nobody can say how far its answers move"
    needed = _samples(gap, margin, n)
    if needed is None:
        return f"cannot be settled: the difference is at the margin of {margin:.1f} itself, within the printed digits"
    least = NORMAL_95 * 100 * math.sqrt(upper_rate(0, n) / (4 * n) / (k or 1))
    reruns = (
        "so may two or more runs of one's own"
        if least <= _room(gap, margin)
        else "runs of one's own will not, even if no answer changes in them"
    )
    return f"about {needed:,} samples would settle it, if both sides had them and the difference stayed; {reruns}"


def _by_reruns(gap: Gap, margin: float, noise: RunNoise, share: float, k: int) -> str:
    published = "a single published run" if k == 1 else f"the mean of {k} published runs"

    def is_settled(runs: int) -> bool:
        return _is_settled(gap, margin, *_of_runs(noise, share, runs))

    if is_settled(MOST_RUNS):
        return (
            f"about {_fewest(is_settled, 1, MOST_RUNS):,} runs of one's own would settle it, should the difference stay"
        )
    error, df = _of_runs(noise, share, MOST_RUNS)
    floor = gap.digits + quantile_of(df) * error
    if floor > margin and abs(gap.difference) - floor <= margin:
        return f"cannot be settled: the noise of {published} alone is ±{floor:.1f}"
    return f"cannot be settled should the difference stay: it is nearer to the margin than the noise of {published}"


def _of_runs(noise: RunNoise, share: float, runs: int) -> tuple[float, float]:
    """Error and degrees of freedom of so many runs of our own beside a published mean of `share` such runs."""
    error, df = noise.expected(runs)
    return error * math.sqrt(1 / share + 1 / runs), df


def _samples(gap: Gap, margin: float, n: int) -> int | None:
    """The samples at which the verdict is one; the error falls with their root."""
    if _room(gap, margin) <= 0:
        return None

    def is_settled(samples: int) -> bool:
        return _is_settled(gap, margin, gap.error * math.sqrt(n / samples), gap.df)

    high = 2 * n
    while not is_settled(high):
        high *= 2
    return _fewest(is_settled, n, high)


def _fewest(is_settled: Callable[[int], bool], low: int, high: int) -> int:
    """The fewest of more than `low` that settle it, where `high` do; more of them always do."""
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_settled(middle) else (middle, high)
    return high


def _is_settled(gap: Gap, margin: float, error: float, df: float) -> bool:
    return judge(Gap(gap.difference, error, df, gap.digits), margin).verdict is not Verdict.INCONCLUSIVE


def _room(gap: Gap, margin: float) -> float:
    """How far the seen gap, with what the digits hide, stays from the margin."""
    return abs(abs(gap.difference) - margin) - gap.digits
