"""Which prompts of a plan belong to one of several parts that are run for themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from .._plan import Plan, PlannedGroup
from ._cost import WorkCost
from ._cut import Lengths, Piece, cut, deal, one_after_the_other

__all__ = ["PartCosts", "lengths_of", "part_costs", "shard_of"]


def lengths_of(plan: Plan, groups: Sequence[PlannedGroup]) -> list[Lengths]:
    """The lengths of groups of a plan, or of parts of them."""
    return [
        Lengths(
            [plan.prompts[index].tokens for index in group.order],
            group.shared,
            [plan.prompts[index].max_new_tokens for index in group.order],
        )
        for group in groups
    ]


def shard_of(plan: Plan, cost: WorkCost, index: int, count: int) -> frozenset[int]:
    """Indexes of the prompts of part `index` of `count`, the first one 1; the same wherever it is asked.

    Every prompt is in one part, those that cannot run too, and all prompts of a sample in the same one.
    """
    parts = deal(cut(lengths_of(plan, plan.groups), cost, count), count)
    part_of = {
        place: number
        for number, pieces in enumerate(parts, 1)
        for piece in pieces
        for place in plan.groups[piece.group].order[piece.start : piece.stop]
    }
    chosen: dict[tuple[str, str], int] = {}
    for prompt in plan.prompts:
        if prompt.index in part_of:
            chosen.setdefault((prompt.benchmark, prompt.sample_id), part_of[prompt.index])
    rest = (prompt.index % count + 1 for prompt in plan.prompts)
    return frozenset(
        prompt.index
        for prompt, other in zip(plan.prompts, rest, strict=True)
        if chosen.get((prompt.benchmark, prompt.sample_id), other) == index
    )


@dataclass(frozen=True)
class PartCosts:
    """How evenly work falls on so many parts, and what cutting it costs."""

    parts: int
    """Parts that the work is cut into."""
    longest: float
    """What the costliest part costs, relative to an even share of what one engine would take for all."""
    computed: float
    """Prompt tokens that all parts compute, relative to those of one engine."""


def part_costs(plan: Plan, cost: WorkCost, count: int) -> PartCosts:
    """The costs of a plan in so many parts."""
    groups = lengths_of(plan, plan.groups)
    everything, unique = _part(
        groups, [Piece(i, 0, len(group.lengths), 0.0, 0.0) for i, group in enumerate(groups)], cost
    )
    parts = [_part(groups, pieces, cost) for pieces in deal(cut(groups, cost, count), count)]
    longest = max(taken for taken, _ in parts) * count / everything if everything else 1.0
    return PartCosts(count, longest, sum(tokens for _, tokens in parts) / unique if unique else 1.0)


def _part(groups: Sequence[Lengths], pieces: Sequence[Piece], cost: WorkCost) -> tuple[float, int]:
    """Cost, and tokens computed, of one part."""
    taken, tokens = 0.0, 0
    for index, members in groupby(pieces, key=lambda piece: piece.group):
        places = [place for piece in members for place in range(piece.start, piece.stop)]
        for each in one_after_the_other(groups[index], places, cost):
            taken += each.cost
            tokens += groups[index].lengths[each.place] - each.shared
    return taken, tokens
