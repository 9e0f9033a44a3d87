"""Which bases keep the sum of cosines from turning negative: a search on a grid, because the set has gaps.

A larger base is not always a better one: 28,650 serves 4,096 tokens and 29,100 does not. So nothing can be halved,
and what lies between two bases of the grid is not known.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ._criterion import sums_by_chunk

__all__ = ["BaseScan", "scan_bases"]

Floats = NDArray[np.float64]

STEP = 50
"""Of the grid up to 32,768 tokens; some admissible intervals there are narrower than 100."""
STEP_LENGTH = 1 << 15
REACH = 1000
"""Times the context: how far is searched. Su (2024, kexue.fm/archives/10122) found all bases there admissible for
heads of 128 and contexts up to 1M."""
SHOWN = 1.25
"""Times the first admissible base: how far the search goes on behind it."""
BATCH = 512  # bases at a time
WITNESSES = 64  # distances tried before all of them
TELL_EVERY = 64  # bases


@dataclass(frozen=True)
class BaseScan:
    """The bases of a grid that serve a context."""

    context: int
    """Tokens."""
    dimension: int
    """Rotated dimensions of a head."""
    step: int
    """The grid is the multiples of this."""
    start: int
    """First base of the grid."""
    end: int
    """Last base that was tried."""
    first: int | None
    """First admissible base; None where there is none up to `end`."""
    intervals: tuple[tuple[int, int], ...]
    """First and last bases of runs of admissible neighbours on the grid."""
    admissible: int
    """How many bases of the grid are admissible."""
    tried: int
    """How many bases it has."""


def grid_step(context: int) -> int:
    """The grid's step for a context: in proportion to it beyond 32,768 tokens, in powers of two."""
    return STEP << max(0, math.ceil(1.5 * math.log2(context / STEP_LENGTH)))


def scan_bases(
    context: int,
    dimension: int,
    step: int | None = None,
    told: Callable[[int], None] = lambda _: None,
) -> BaseScan:
    """The admissible bases on the multiples of `step`, from the context's length on.

    The search ends a quarter beyond the first of them; `told` hears now and then which base is tried.
    """
    step = step or grid_step(context)
    start, end = step * math.ceil(context / step), REACH * context
    runs: list[tuple[int, int]] = []
    tried = admissible = 0
    for base, serves in _judged(range(start, end + 1, step), dimension, context):
        if base > end:
            break
        if serves and not runs:
            end = int(SHOWN * base)
        if serves:
            _extend(runs, base, step)
        if tried % TELL_EVERY == 0:
            told(base)
        tried, admissible = tried + 1, admissible + serves
    last = step * (end // step)
    return BaseScan(context, dimension, step, start, last, runs[0][0] if runs else None, tuple(runs), admissible, tried)


def _judged(grid: range, dimension: int, context: int) -> Iterator[tuple[int, bool]]:
    """Each base of the grid, and whether it is admissible.

    A distance at which one base fails is where its neighbours fail, as a rule; so few need all distances.
    """
    exponents = -2 * np.arange(dimension // 2) / dimension
    witnesses: list[int] = []
    for first in range(0, len(grid), BATCH):
        bases = grid[first : first + BATCH]
        frequencies = np.power(np.array(bases, dtype=np.float64)[:, None], exponents)
        serves = np.ones(len(bases), dtype=bool)
        for witness in witnesses:
            _strike(serves, frequencies, witness)
        for index, base in enumerate(bases):
            place = _failing(base, dimension, context) if serves[index] else None
            if place is not None:
                _strike(serves, frequencies, place)
                witnesses = [place, *witnesses][:WITNESSES]
            yield base, bool(serves[index])


def _failing(base: float, dimension: int, context: int) -> int | None:
    """A distance at which the sum is far below zero; None where it is so nowhere."""
    for start, sums in sums_by_chunk(base, dimension, context):
        place = int(sums.argmin())
        if sums[place] < 0:
            return start + place
    return None


def _strike(serves: NDArray[np.bool_], frequencies: Floats, distance: int) -> None:
    """Take out the bases whose sum is negative at that distance."""
    left = np.flatnonzero(serves)
    sums = np.cos(distance * frequencies[left]).sum(axis=1)
    serves[left[sums < 0]] = False


def _extend(runs: list[tuple[int, int]], base: int, step: int) -> None:
    """Add an admissible base to the last run, or begin one."""
    if runs and runs[-1][1] == base - step:
        runs[-1] = runs[-1][0], base
    else:
        runs.append((base, base))
