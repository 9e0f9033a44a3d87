"""Where prompts in trie order are cut: into subtrees that are small beside a fair share, at the cheapest places.

A cut costs the stem that both sides share, which is computed once more. So neighbours are joined again, those with the
longest stem first, as long as the piece stays within a share, and where a stem is next to nothing within a small part
of one: those pieces even out what the large ones leave.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import heapify, heapreplace
from itertools import starmap
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from ._cost import WorkCost

__all__ = ["Answered", "Lengths", "Piece", "cut", "deal", "one_after_the_other"]

FINEST = 1 / 16
"""Of a fair share that a piece may take which saves next to nothing."""
WORTH = 1 / 640
"""Of a fair share that a stem must cost to be worth keeping."""
SIZES = (
    *((largest, WORTH) for largest in (1.0, 0.85, 0.7, 0.5, 1.2, 1.4, 1.7)),
    *((largest, WORTH / 16) for largest in (0.25, 0.5, 1.0)),
)
"""What is tried: of a fair share the size of pieces whose stems are worth keeping, and from what cost they are. Stems
computed again make shares larger than fair; many stems that are next to nothing each add up for few large shares."""


@dataclass(frozen=True)
class Lengths:
    """The prompts of one RoPE group in trie order; three sequences of one length, in tokens."""

    lengths: Sequence[int]
    """Prompt tokens."""
    shared: Sequence[int]
    """Tokens shared with the prompt before; 0 for the first."""
    limits: Sequence[int]
    """Generation limits."""


@dataclass(frozen=True)
class Piece:
    """A subtree: prompts next to each other in trie order."""

    group: int
    """Index of the RoPE group."""
    start: int
    """First place in the group's order."""
    stop: int
    """Place behind the last."""
    cost: float
    """Of answering it alone, behind an empty cache."""
    saved: float
    """Of that, what it costs less right behind the piece before it."""


class Answered(NamedTuple):
    """A prompt as one engine answers it behind the prompt before."""

    place: int
    """In its group's order."""
    shared: int
    """Tokens that are there from the prompt before."""
    cost: float
    """Of the rest, and of the answer."""


def one_after_the_other(group: Lengths, places: Iterable[int], cost: WorkCost) -> Iterator[Answered]:
    """Some prompts of a group, in order, behind an empty cache."""
    before: int | None = None
    for place in places:
        tokens = group.lengths[place]
        shared = 0 if before is None else min(group.shared[before + 1 : place + 1])
        yield Answered(place, shared, cost.prefill(shared, tokens) + cost.decode(tokens, group.limits[place]))
        before = place


def cut(groups: Sequence[Lengths], cost: WorkCost, shares: int) -> list[Piece]:
    """The prompts of all groups in pieces that so many engines can share out, in (group, start) order.

    Of several sizes for the largest piece that with which the longest share, and all of them together, cost least.
    """
    costs = [_own_costs(group, cost) for group in groups]
    share = sum(float(own.sum()) for own, _ in costs) / shares

    def pieces(largest: float, worth: float) -> list[Piece]:
        return [
            piece
            for index, (own, stems) in enumerate(costs)
            if len(own)
            for piece in _pieces(index, own, stems, share, largest, worth)
        ]

    if shares == 1:
        return pieces(1.0, 0.0)

    def burden(found: list[Piece]) -> float:
        loads = [sum(piece.cost for piece in each) for each in deal(found, shares)]
        return max(loads) + sum(loads) / shares

    return min(starmap(pieces, SIZES), key=burden)


def _own_costs(group: Lengths, cost: WorkCost) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of each prompt: what it costs behind the one before, and what the stem costs that it shares with that one."""
    columns = (group.lengths, group.shared, group.limits)
    lengths, shared, limits = (cast(Any, np.asarray(each, dtype=np.float64)) for each in columns)
    own: Any = cost.prefill(shared, lengths) + cost.decode(lengths, limits)
    stems: Any = cost.prefill(0, shared)
    return own, stems


def _pieces(
    group: int, own: NDArray[np.float64], stems: NDArray[np.float64], share: float, largest: float, worth: float
) -> list[Piece]:
    count = len(own)
    before = np.concatenate([[0.0], np.cumsum(own)]).tolist()
    saved: list[float] = stems.tolist()
    first, last = list(range(count)), list(range(count))  # of the piece that ends here, and that begins here
    is_joined = bytearray(count)
    for place in np.argsort(-stems[1:], kind="stable") + 1:
        start, end = first[place - 1], last[place]
        limit = max(share * (largest if saved[place] > worth * share else FINEST), 2 * saved[place])
        if before[end + 1] - before[start] + saved[start] <= limit:
            is_joined[place] = 1
            first[end], last[start] = start, end
    starts = [place for place in range(count) if not is_joined[place]]
    return [
        Piece(group, start, stop, before[stop] - before[start] + saved[start], saved[start])
        for start, stop in zip(starts, [*starts[1:], count], strict=True)
    ]


def deal(pieces: Sequence[Piece], shares: int) -> list[list[Piece]]:
    """The pieces dealt out, the costliest first and each to the share with the least; each in (group, start) order."""
    loads = [(0.0, index) for index in range(shares)]
    heapify(loads)
    dealt: list[list[Piece]] = [[] for _ in range(shares)]
    for piece in sorted(pieces, key=lambda each: (-each.cost, each.group, each.start)):
        load, index = loads[0]
        heapreplace(loads, (load + piece.cost, index))
        dealt[index].append(piece)
    for share in dealt:
        share.sort(key=lambda each: (each.group, each.start))
    return dealt
