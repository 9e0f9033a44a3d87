"""The token trie over prompts: the order that walks it depth first, and how many nodes it has.

Sorting prompts by token ids is a depth-first walk of their trie, so a single KV cache that is cropped to the common
prefix with the next prompt computes every node once: the least prefill work there is.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from evalkit.prompts import TokenIds

from ._spool import TokenSpool

__all__ = ["common_prefix", "shared_prefixes", "trie_order", "unique_tokens"]

BLOCK = 1024  # tokens compared at once: prompts that share a long stem are read once per block, not once per comparison
FIRST_BLOCK = 64  # tokens, the next ones longer: most prompts part early, and the keys of all are held at once


def common_prefix(left: TokenIds, right: TokenIds) -> int:
    """Number of leading tokens that two prompts share."""
    limit = min(len(left), len(right))
    for start in range(0, limit, BLOCK):
        stop = min(start + BLOCK, limit)
        differs = np.flatnonzero(left[start:stop] != right[start:stop])
        if len(differs):
            return start + int(differs[0])
    return limit


def trie_order(spool: TokenSpool, indexes: Sequence[int]) -> list[int]:
    """The prompts in lexicographic order of their ids, equal ones in the order given.

    Works block by block: prompts are split by their first block, then each split by the next, so the work is linear in
    the tokens that must be looked at.
    """
    ordered: list[int] = []
    stack: list[tuple[int, int, list[int]]] = [(0, min(FIRST_BLOCK, BLOCK), list(indexes))]
    while stack:
        start, size, members = stack.pop()
        if len(members) == 1 or size == 0:
            ordered += members
            continue
        splits: dict[bytes, list[int]] = {}
        for member in members:
            splits.setdefault(_key(spool[member], start, size), []).append(member)
        for key in sorted(splits, reverse=True):
            ends_here = len(key) < size * np.int32().nbytes  # these prompts are equal: nothing is left to split by
            stack.append((start + size, 0 if ends_here else min(BLOCK, 4 * size), splits[key]))
    return ordered


def _key(ids: TokenIds, start: int, size: int) -> bytes:
    """A block as bytes that sort as the ids do (big-endian, ids are never negative)."""
    return ids[start : start + size].astype(">i4").tobytes()


def shared_prefixes(spool: TokenSpool, order: Sequence[int]) -> list[int]:
    """For each prompt of a sorted order, the tokens it shares with the one before; 0 for the first."""
    return [0, *(common_prefix(spool[a], spool[b]) for a, b in pairwise(order))][: len(order)]


def unique_tokens(lengths: Sequence[int], shared: Sequence[int]) -> int:
    """Nodes of the trie over sorted prompts, given their lengths and shared prefixes."""
    return sum(lengths) - sum(shared)
