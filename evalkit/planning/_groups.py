"""What it costs that prompts run under several RoPE settings: prefixes that are not shared, batches that are not full.

A forecast in seconds would need the speed of a machine that a plan does not know. What is known are counts: prompt
tokens to compute, and passes over the weights that decode answers. With whatever either takes on a machine, the time of
the groups relative to that of one group lies between the ratios of the two counts; so the larger one bounds it. A pass
is taken to cost the same for few answers as for many, and a token at the beginning of a prompt the same as one further
on; where they cost less, groups cost less than the bound.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from heapq import heapreplace

from ._plan import Plan, PlannedGroup
from ._prompts import PlannedPrompt

__all__ = ["GroupCosts", "group_costs"]


@dataclass(frozen=True)
class GroupCosts:
    """Prompts in their RoPE groups, and the same prompts as if they were one group."""

    groups: int
    """RoPE groups."""
    unique_prompt_tokens: int
    """Nodes of the token tries of the groups."""
    unique_prompt_tokens_one_group: int
    """Nodes of the one trie over all prompts."""
    passes: int
    """Passes that decode the answers, one group after the other, where every answer is as long as it may be."""
    passes_one_group: int
    """The same with the answers of all groups under way together."""
    at_once: int
    """Answers under way at once."""

    @property
    def time_together(self) -> float:
        """At most so many times the time of one group, where a model holds the rotations of all groups at once."""
        return self.unique_prompt_tokens / max(1, self.unique_prompt_tokens_one_group)

    @property
    def time_one_by_one(self) -> float:
        """At most so many times the time of one group, where one group follows the other."""
        return max(self.time_together, self.passes / max(1, self.passes_one_group))


def group_costs(plan: Plan, at_once: int, keep: Callable[[PlannedPrompt], bool] | None = None) -> GroupCosts:
    """The costs of all prompts that can run, or of those that `keep` accepts, with so many answers at once."""
    chosen = {prompt.index for prompt in plan.prompts if keep is None or keep(prompt)}
    groups = [group for group in (each.restricted(chosen) for each in plan.groups) if group.order]
    unique = sum(_unique(plan, group) for group in groups)
    limits = [[plan.prompts[index].max_new_tokens for index in group.order] for group in groups]
    return GroupCosts(
        groups=len(groups),
        unique_prompt_tokens=unique,
        unique_prompt_tokens_one_group=_unique(plan, plan.one_group.restricted(chosen)) if len(groups) > 1 else unique,
        passes=sum(_passes(each, at_once) for each in limits),
        passes_one_group=_passes([limit for each in limits for limit in each], at_once),
        at_once=at_once,
    )


def _unique(plan: Plan, group: PlannedGroup) -> int:
    return group.unique_tokens(plan.spool.tokens)


def _passes(limits: Sequence[int], at_once: int) -> int:
    """Passes over answers of so many tokens, each of which begins as soon as there is room for it."""
    rows = [0] * min(at_once, max(1, len(limits)))
    for limit in limits:
        heapreplace(rows, rows[0] + limit)
    return max(rows)
