"""Planning: token spool, prefix trie, rope groups, costs."""

from ._groups import GroupCosts, group_costs
from ._plan import Counts, Plan, PlannedGroup, make_plan
from ._prompts import PlannedPrompt
from ._spool import TokenSpool
from ._trie import common_prefix, shared_prefixes, trie_order, unique_tokens

__all__ = [
    "Counts",
    "GroupCosts",
    "Plan",
    "PlannedGroup",
    "PlannedPrompt",
    "TokenSpool",
    "common_prefix",
    "group_costs",
    "make_plan",
    "shared_prefixes",
    "trie_order",
    "unique_tokens",
]
