"""Where needles go, in tokens: upstream's arithmetic, quirks included (`docs/benchmarks/needlebench.md`)."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["context_tokens", "reasoning_positions", "retrieval_positions", "single_position"]


def context_tokens(length: int, buffer: int, needle_tokens: int) -> int:
    """LineHaystack tokens of a sample: the nominal length without the buffer and the needles; never below 0."""
    return max(length - buffer - needle_tokens, 0)


def single_position(tokens: int, depth: int) -> int:
    """origin.py: where the needle of single-needle retrieval goes among that many haystack tokens."""
    return int(tokens * (depth / 100))


def retrieval_positions(tokens: int, depths: Sequence[int], sizes: Sequence[int]) -> list[int]:
    """parallel.py: where each needle goes in the text that holds the earlier ones."""
    positions: list[int] = []
    inserted = 0
    for depth, size in zip(depths, sizes, strict=True):
        positions.append(min(int(tokens * (depth / 100)) + inserted, tokens + inserted))
        inserted += size
    return positions


def reasoning_positions(tokens: int, depth: int, diff: int, sizes: Sequence[int]) -> list[int]:
    """multi.py: where each needle goes in the text that holds the earlier ones; `diff` is their distance in percent.

    Each position already counts the needles before it and is then moved by each of them once more, so needles stand
    further apart than `diff` says, and the last ones often end up behind the haystack.
    """
    positions: list[int] = []
    for index in range(len(sizes)):
        if index == 0:
            position = int(tokens * (depth / 100))
        else:
            position = int(positions[-1] + sizes[index - 1] + tokens * (diff / 100))
        positions.append(min(position, tokens + sum(sizes[:index])))
    return [position + sum(sizes[:index]) for index, position in enumerate(positions)]
