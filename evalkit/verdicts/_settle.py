"""What would settle an inconclusive verdict: reruns, samples, or nothing."""

from __future__ import annotations

import math

from ._noise import RunNoise, upper_rate
from ._rule import NORMAL_95, Gap, quantile_of

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
    room, limit = _room(gap, margin), _reach(noise, share, MOST_RUNS)
    if limit > room:
        floor = gap.digits + limit
        if floor > margin and abs(gap.difference) - floor <= margin:
            return f"cannot be settled: the noise of {published} alone is ±{floor:.1f}"
        return f"cannot be settled should the difference stay: it is nearer to the margin than the noise of {published}"
    return f"about {_fewest(noise, share, room):,} runs of one's own would settle it, should the difference stay"


def _fewest(noise: RunNoise, share: float, room: float) -> int:
    """The fewest runs whose noise stays within the room; each one more makes it less."""
    low, high = 1, MOST_RUNS
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _reach(noise, share, middle) <= room else (middle, high)
    return high


def _reach(noise: RunNoise, share: float, runs: int) -> float:
    """How far so many runs of our own and a published mean of `share` such runs may lie apart by noise alone."""
    error, df = noise.expected(runs)
    return quantile_of(df) * error * math.sqrt(1 / share + 1 / runs)


def _samples(gap: Gap, margin: float, n: int) -> int | None:
    """The samples at which the interval just clears the margin; the error falls with their root."""
    room = _room(gap, margin)
    return None if room <= 0 else math.ceil(n * (quantile_of(gap.df) * gap.error / room) ** 2)


def _room(gap: Gap, margin: float) -> float:
    """How far the seen gap, with what the digits hide, stays from the margin."""
    return abs(abs(gap.difference) - margin) - gap.digits
