"""Orders whose beginnings already show the whole: what `--limit` runs is a coarse map of the grid, not one corner."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TypeVar

from evalkit.seeds import content_seed

__all__ = ["spread", "spread_pairs"]

A = TypeVar("A")
B = TypeVar("B")


def spread(values: Sequence[A]) -> list[A]:
    """The values in an order whose beginnings are spread over the whole: ends, middle, quarters…"""
    waiting = [(0, len(values) - 1)]
    order = list(dict.fromkeys([0, len(values) - 1]))
    for first, last in waiting:
        middle = (first + last) // 2
        if middle not in (first, last):
            order.append(middle)
            waiting += [(first, middle), (middle, last)]
    return [values[index] for index in order]


def spread_pairs(first: Sequence[A], second: Sequence[B]) -> list[tuple[A, B]]:
    """All pairs, as a map that gets finer: the four corners, then 3 × 3 pairs, 5 × 5, 9 × 9…

    The new pairs of a step come in an order drawn from their places, so that they are spread as well and an axis never
    goes along with the other one.
    """
    ranks = itertools.product(enumerate(spread(first)), enumerate(spread(second)))
    ordered = sorted(ranks, key=lambda pair: _key(pair[0][0], pair[1][0]))
    return [(one, other) for (_, one), (_, other) in ordered]


def _key(rank: int, other: int) -> tuple[int, int]:
    return max(_step(rank), _step(other)), content_seed("spread", rank, other)


def _step(rank: int) -> int:
    """When a value that `spread` puts at that rank appears: 0 for the ends, 1 the middle, 2 the quarters…"""
    return max(rank - 1, 0).bit_length()
