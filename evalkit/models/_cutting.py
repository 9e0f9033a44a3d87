"""Where the text of an answer ends, or may turn out to have ended."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["HALF", "certain_part", "cut_at_stop", "without_beginning_of"]

HALF = "\ufffd"
"""What decoding puts for bytes that are no character, or none yet."""


def cut_at_stop(text: str, stop: Sequence[str]) -> str:
    """The text before the stop string that stands first in it, wherever that is in the list; all of it without one."""
    ends = [text.find(each) for each in stop if each in text]
    return text[: min(ends)] if ends else text


def without_beginning_of(text: str, ends: Sequence[str]) -> str:
    """The text without what it ends in that may become one of those strings; of several beginnings the longest."""
    held = (size for end in ends for size in range(min(len(end) - 1, len(text)), 0, -1) if text.endswith(end[:size]))
    return text[: len(text) - max(held, default=0)]


def certain_part(text: str, ends: Sequence[str]) -> str:
    """The beginning of a text that stays whatever comes behind it, where the first of `ends` in it will cut it."""
    whole = text.rstrip(HALF)
    return min(cut_at_stop(whole, ends), without_beginning_of(whole, ends), key=len)
