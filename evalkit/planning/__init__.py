"""Planning: token spool, prefix trie, rope groups, costs."""

from ._plan import Counts, Plan, PlannedGroup, make_plan
from ._prompts import PlannedPrompt
from ._spool import TokenSpool
from ._trie import common_prefix, shared_prefixes, trie_order, unique_tokens

__all__ = [
    "Counts",
    "Plan",
    "PlannedGroup",
    "PlannedPrompt",
    "TokenSpool",
    "common_prefix",
    "make_plan",
    "shared_prefixes",
    "trie_order",
    "unique_tokens",
]
