"""Slices of token ids as text, with the token behind which each character ends.

Where a character is several tokens, a slice can begin or end inside one. Decoders treat what is left of it in three
ways: byte-level ones write U+FFFD, byte fallback writes U+FFFD for every byte of the run around it, which may be a
page of good text, and some drop it. Here such leftovers are left out, so that the rest can be read and counted.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

from ._context import Encoder

__all__ = ["TokenText", "WholeCharacters", "whole_characters", "whole_text"]

LEFTOVER = 3  # tokens that a cut leaves of a character at most: UTF-8 has four bytes a character
EDGE = 24  # tokens looked at on each side for leftovers
NEAR = 4  # tokens on each side of a guess
BROKEN = "\ufffd"


class WholeCharacters(NamedTuple):
    """The part of a slice that is made of whole characters."""

    start: int
    """Index of its first token."""
    stop: int
    """Index behind its last token."""


def whole_characters(encoder: Encoder, ids: Sequence[int]) -> WholeCharacters:
    """The slice without what is left of the characters that its ends cut."""
    front, _ = _leftovers(encoder, ids[:EDGE])
    _, back = _leftovers(encoder, ids[-EDGE:])
    return WholeCharacters(front, max(front, len(ids) - back))


def whole_text(encoder: Encoder, ids: Sequence[int]) -> str:
    """The text of a slice, special tokens included, without what is left of characters that its ends cut."""
    whole = whole_characters(encoder, ids)
    return encoder.decode(ids[whole.start : whole.stop], skip_special=False)


class TokenText:
    """The text of a slice, and how its characters and its tokens count each other."""

    def __init__(self, encoder: Encoder, ids: Sequence[int]) -> None:
        self._encoder = encoder
        self._ids = ids
        text = encoder.decode(ids, skip_special=False)
        # Where all of it can be read, no end cuts a character.
        is_whole = BROKEN not in text
        self._whole = WholeCharacters(0, len(ids)) if is_whole else whole_characters(encoder, ids)
        self.text = text if is_whole else self._decode(self._whole.stop).rstrip(BROKEN)
        """The text of the slice's whole characters."""
        self._counted: dict[int, int] = {}

    def characters(self, tokens: int) -> int:
        """How many whole characters the first `tokens` ids of the slice spell."""
        if tokens not in self._counted:
            self._counted[tokens] = self._characters(tokens)
        return self._counted[tokens]

    def _characters(self, tokens: int) -> int:
        for stop in range(tokens, self._whole.start, -1):
            text = self._decode(stop)
            if self.text.startswith(text):
                return len(text)
        return 0

    def tokens(self, characters: int) -> int:
        """How many ids at the front of the slice spell that many characters; more where the last one spells more.

        As few as do, so that the index behind them is the end of a character also where cut ones are dropped.
        """
        first, last = self._around(characters)
        return bisect_left(range(len(self._ids)), characters, first, last, key=self.characters)

    def _around(self, characters: int) -> tuple[int, int]:
        """Bounds of the index that a bisection for so many characters finds, narrower than the slice."""
        # Tokens of one text are about equally long, so few decodings do where a bisection from the middle takes more.
        most = len(self._ids)
        guess = min(most, round(characters * most / max(1, len(self.text))))
        first, last = max(0, guess - NEAR), min(most, guess + NEAR)
        if first and self.characters(first - 1) >= characters:
            return 0, first
        if last < most and self.characters(last) < characters:
            return last, most
        return first, last

    def _decode(self, stop: int) -> str:
        return self._encoder.decode(self._ids[self._whole.start : stop], skip_special=False)


def _leftovers(encoder: Encoder, ids: Sequence[int]) -> tuple[int, int]:
    """How many ids to leave out at the front and at the back for the fewest unreadable characters."""

    def broken(cut: tuple[int, int]) -> int:
        return encoder.decode(ids[cut[0] : len(ids) - cut[1]], skip_special=False).count(BROKEN)

    if broken((0, 0)) == 0:
        return 0, 0
    cuts = itertools.product(range(LEFTOVER + 1), range(LEFTOVER + 1))
    return min(sorted(cuts, key=sum), key=broken)  # of equals the first: no more is left out than need be
