"""Which prompts of a plan belong to one of several parts that are run for themselves."""

from __future__ import annotations

from collections.abc import Sequence

from .._plan import Plan, PlannedGroup
from ._cost import WorkCost
from ._cut import Lengths, cut, deal

__all__ = ["lengths_of", "shard_of"]


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
