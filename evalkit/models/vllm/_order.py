"""The order in which a batching engine is fed, so that shared prefixes are computed once.

An engine that admits requests in order computes the first prompt of a stem before the others of it get a place in the
batch, and they find its blocks in the cache. Within a stem the deepest branch goes first: its long prefill hides behind
the decoding of what came before, and the short siblings fill the batch afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from evalkit.planning import common_prefix

from .._base import GenerationRequest

__all__ = ["deepest_first"]


@dataclass(slots=True)
class _Node:
    """A stem that several prompts share, or one prompt."""

    depth: int
    """Tokens from the root to the end of the stem or prompt."""
    deepest: int
    """Tokens of the longest prompt below."""
    position: int = -1
    """Index of the prompt, for a leaf."""
    children: list[_Node] = field(default_factory=list)

    def adopt(self, child: _Node) -> None:
        self.children.append(child)
        self.deepest = max(self.deepest, child.deepest)


def deepest_first(requests: Sequence[GenerationRequest]) -> list[GenerationRequest]:
    """The same requests, given in trie order: still stem by stem, within each stem the deepest branch first."""
    root = _trie(requests)
    ordered: list[GenerationRequest] = []
    stack = [root]
    while stack:
        node = stack.pop()
        if node.position >= 0:
            ordered.append(requests[node.position])
        stack.extend(sorted(node.children, key=lambda child: child.deepest))  # popped from the end: the deepest first
    return ordered


def _trie(requests: Sequence[GenerationRequest]) -> _Node:
    """The branching points of the prompts' trie, built from the prefixes that neighbours share."""
    root = _Node(0, 0)
    open_stems = [root]
    for position, request in enumerate(requests):
        shared = common_prefix(requests[position - 1].ids, request.ids) if position else 0
        _close(open_stems, shared)
        open_stems.append(_Node(len(request.ids), len(request.ids), position))
    _close(open_stems, 0)
    return root


def _close(open_stems: list[_Node], shared: int) -> None:
    """Finish the stems that end below `shared` tokens, and open one that ends there where there is none."""
    while open_stems[-1].depth > shared or open_stems[-1].position >= 0:
        child = open_stems.pop()
        if open_stems[-1].depth < shared:
            open_stems.append(_Node(shared, shared))
        open_stems[-1].adopt(child)
