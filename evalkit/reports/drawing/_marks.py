"""How lines of one panel are told apart."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["MOST_MARKS", "Mark", "marks"]

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#222222", "#E69F00", "#56B4E9")
"""Okabe & Ito (2008), "Color Universal Design", without yellow, which white paper swallows."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
DASHES = ("-", (0, (4, 2)))
MOST_MARKS = len(COLOURS) * len(DASHES)


class Mark(NamedTuple):
    """How a line is drawn."""

    colour: str
    marker: str
    dashes: str | tuple[int, tuple[int, int]]


def marks(count: int) -> list[Mark]:
    """As many different ones, `MOST_MARKS` at most: colours with markers of their own, then the same dashed."""
    return [Mark(colour, marker, dashes) for dashes in DASHES for colour, marker in zip(COLOURS, MARKERS, strict=True)][
        :count
    ]
