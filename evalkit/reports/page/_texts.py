"""Texts as the page holds them: whole, or both ends of a long one."""

from __future__ import annotations

import unicodedata

__all__ = ["Text", "shortened"]

Text = str | list[str | int]
"""A text, or its start, its end, and how many characters the whole has."""

JOINERS = frozenset("\N{ZERO WIDTH JOINER}\N{VARIATION SELECTOR-16}\N{VARIATION SELECTOR-15}")
MOST_JOINED = 8  # characters that a cut is moved by: more are no letter but somebody's joke


def shortened(text: str, most: int) -> Text:
    """The text, or half of `most` characters of each end; a letter and its marks stay together."""
    if len(text) <= most:
        return _storable(text)
    start, end = most // 2, len(text) - most // 2
    return [_storable(text[: _before(text, start)]), _storable(text[_after(text, end) :]), len(text)]


def _before(text: str, place: int) -> int:
    """The place, or an earlier one that parts no letter from its marks."""
    return next((each for each in range(place, max(0, place - MOST_JOINED), -1) if not _is_joined(text, each)), place)


def _after(text: str, place: int) -> int:
    """The same with a later one."""
    most = min(len(text), place + MOST_JOINED)
    return next((each for each in range(place, most) if not _is_joined(text, each)), place)


def _is_joined(text: str, place: int) -> bool:
    """Whether the characters on both sides of a place are one letter to a reader."""
    left, right = text[place - 1], text[place]
    return right in JOINERS or left == "\N{ZERO WIDTH JOINER}" or unicodedata.category(right)[0] == "M"


def _storable(text: str) -> str:
    """The text with every half of a surrogate pair, which no file can hold, as the sign for what cannot be shown."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
