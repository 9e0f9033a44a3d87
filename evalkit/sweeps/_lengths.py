"""The lengths of a sweep: multiples of the model's own, with one inside it for control."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["SHARES", "bucket_ends", "default_lengths", "longest_inside"]

SHARES = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Multiples of the model's own length that are tested where the user names no lengths: to the largest published factor
of these rules but LongRoPE's and Llama 3's."""
LEAST_LENGTH = 1
MIN_DOCUMENTS = 10
"""Documents that a bucket inside the window should have; shorter ones are joined until they do."""


def default_lengths(window: int, room: int) -> tuple[int, ...]:
    """Prompt lengths in tokens whose prompts make those multiples of `window` with `room` tokens of answer."""
    lengths = (round(share * window) - room for share in SHARES)
    return tuple(length for length in lengths if length >= LEAST_LENGTH)


def longest_inside(window: int, room: int) -> int:
    """The longest prompt that leaves an answer of `room` tokens inside the window."""
    return window - room


def bucket_ends(tokens: Mapping[str, int], documents: Mapping[str, str], window: int) -> dict[str, int]:
    """Sample → upper end of its bucket: `window` times a power of two, halves rounded down.

    `tokens` are those of prompt and answer limit, so that no rule stretches what is in the bucket of the window or
    below. Short buckets are joined with the next longer one inside the window until they hold 10 documents.
    """
    ends = {name: _end(count, window) for name, count in tokens.items()}
    inside = sorted({end for end in ends.values() if end <= window})
    joined: dict[int, int] = {}
    below: list[int] = []
    for end in inside:
        below.append(end)
        held = {documents[name] for name, each in ends.items() if each in below}
        if len(held) >= MIN_DOCUMENTS or end == inside[-1]:
            joined |= dict.fromkeys(below, end)
            below = []
    return {name: joined.get(end, end) for name, end in ends.items()}


def _end(count: int, window: int) -> int:
    end = window
    while count > end:
        end *= 2
    while end > 1 and count <= end // 2:
        end //= 2
    return end
