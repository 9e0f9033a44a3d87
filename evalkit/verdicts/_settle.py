"""What would settle an inconclusive verdict: reruns, samples, or nothing."""

from __future__ import annotations

import math

from ._noise import RunNoise
from ._rule import Gap, quantile_of

__all__ = ["settle"]


def settle(gap: Gap, margin: float, n: int, noise: RunNoise | None = None, k: int | None = None) -> str:
    """One sentence on an inconclusive verdict of `n` samples, should the difference stay as it is.

    With the `noise` of several runs it counts our reruns against `k` published ones (None: one); without, samples.
    """
    if noise is not None:
        return _by_reruns(gap, margin, noise, k or 1)
    needed = _samples(gap, margin, n)
    if needed is None:
        return f"cannot be settled: the difference is at the margin of {margin:.1f} itself, within the printed digits"
    return f"about {needed:,} samples would settle it, should the difference stay, or two or more runs of one's own"


def _by_reruns(gap: Gap, margin: float, noise: RunNoise, k: int) -> str:
    floor = gap.digits + quantile_of(noise.df) * noise.error / math.sqrt(k)
    published = "a single published run" if k == 1 else f"the mean of {k} published runs"
    if floor > margin and abs(gap.difference) - floor <= margin:
        return f"cannot be settled: the noise of {published} alone is ±{floor:.1f}"
    room = _room(gap, margin) / quantile_of(noise.df)
    spare = (room / noise.error) ** 2 - 1 / k
    if room <= 0 or spare <= 0:
        return f"cannot be settled should the difference stay: it is nearer to the margin than the noise of {published}"
    return f"about {math.ceil(1 / spare):,} runs of one's own would settle it, should the difference stay"


def _samples(gap: Gap, margin: float, n: int) -> int | None:
    """The samples at which the interval just clears the margin; the error falls with their root."""
    room = _room(gap, margin)
    return None if room <= 0 else math.ceil(n * (quantile_of(gap.df) * gap.error / room) ** 2)


def _room(gap: Gap, margin: float) -> float:
    """How far the seen gap, with what the digits hide, stays from the margin."""
    return abs(abs(gap.difference) - margin) - gap.digits
