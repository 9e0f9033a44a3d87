"""The sum of cosines (Men et al. 2024, "Base of RoPE Bounds Context Length", arXiv 2405.14591).

B(m) = Σ cos(m·θ_i) over the pairs of a head (eq. 9) is how much more attention a key like the query gets at a distance
of m tokens than a random key, on average and up to a factor. Where it is negative, a random key gets more. A base
serves a context of N tokens if B(m) ≥ 0 for all distances m < N (eq. 10 and 11).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

__all__ = ["PUBLISHED_BOUNDS", "criterion", "first_negative", "fitted_bound", "published_bound"]

Floats = NDArray[np.float64]

PUBLISHED_BOUNDS: dict[int, float] = {
    1 << 10: 4.3e3, 1 << 11: 1.6e4, 1 << 12: 2.7e4, 1 << 13: 8.4e4, 1 << 14: 3.1e5, 1 << 15: 6.4e5,
    1 << 16: 2.1e6, 1 << 17: 7.8e6, 1 << 18: 3.6e7, 1 << 19: 6.4e7, 1 << 20: 5.1e8,
}  # fmt: skip
"""Context → lower bound of the base, as printed (Table 2). The head's dimension is not printed beside it; a scan with
128 agrees or finds smaller bases."""

FIT_FACTOR, FIT_EXPONENT = 0.0424, 1.628  # legend of Figure 1

CHUNK = 1 << 18  # positions at a time: 2 MiB of sums, whatever the context


def criterion(base: float, dimension: int, positions: Floats) -> Floats:
    """B(m) at the positions."""
    return np.cos(np.multiply.outer(positions, _frequencies(base, dimension))).sum(axis=-1)  # type: ignore[no-any-return]


def first_negative(base: float, dimension: int, context: int) -> int | None:
    """The smallest distance m < context at which B(m) is negative; None where there is none."""
    for start, sums in sums_by_chunk(base, dimension, context):
        below = np.flatnonzero(sums < 0)
        if below.size:
            return start + int(below[0])
    return None


def lowest(base: float, dimension: int, context: int) -> tuple[int, float]:
    """Where B(m) is smallest over the distances m < context, and what it is there."""
    found = (0, math.inf)
    for start, sums in sums_by_chunk(base, dimension, context):
        place = int(sums.argmin())
        if sums[place] < found[1]:
            found = start + place, float(sums[place])
    return found


def sums_by_chunk(base: float, dimension: int, context: int) -> Iterator[tuple[int, Floats]]:
    """First position of a chunk and B(m) over it, for all m < context.

    cos((s + r)θ) = cos sθ · cos rθ − sin sθ · sin rθ makes the sum over pairs one matrix product of coarse by fine
    positions: some √N cosines instead of N, exact to 1e-11.
    """
    frequencies = _frequencies(base, dimension)
    stride = math.isqrt(min(context, CHUNK) - 1) + 1
    fine = np.multiply.outer(np.arange(stride), frequencies)
    right = np.concatenate([np.cos(fine), -np.sin(fine)], axis=1).T
    for start in range(0, context, CHUNK):
        rows = -(-min(CHUNK, context - start) // stride)
        coarse = np.multiply.outer(start + stride * np.arange(rows), frequencies)
        left = np.concatenate([np.cos(coarse), np.sin(coarse)], axis=1)
        yield start, (left @ right).ravel()[: min(CHUNK, context - start)]


def fitted_bound(context: int) -> float:
    """The power law that the paper fits to its bounds."""
    return FIT_FACTOR * math.pow(context, FIT_EXPONENT)


def published_bound(context: int) -> tuple[float, float] | None:
    """The printed bounds of the lengths next below and above; twice the same for a printed length, None outside."""
    if context in PUBLISHED_BOUNDS:
        return PUBLISHED_BOUNDS[context], PUBLISHED_BOUNDS[context]
    for below, above in pairwise(PUBLISHED_BOUNDS):
        if below < context < above:
            return PUBLISHED_BOUNDS[below], PUBLISHED_BOUNDS[above]
    return None


def _frequencies(base: float, dimension: int) -> Floats:
    return np.power(base, -2 * np.arange(dimension // 2) / dimension)
