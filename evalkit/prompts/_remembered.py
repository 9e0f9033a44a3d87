"""Texts that were encoded lately, with their ids: a chat asks many questions about one document."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import chain

from ._records import TokenIds, token_array
from .published import MarkedText

__all__ = ["Remembered"]

MOST = 2**24  # characters: several documents of a megabyte, whose ids take four bytes each


class Remembered:
    """Encodes texts in pieces, each once, and forgets those that were longest not asked for."""

    def __init__(
        self,
        encode: Callable[[list[MarkedText]], list[list[int]]],
        cut: Callable[[MarkedText], Iterable[MarkedText]],
        most: int = MOST,
    ) -> None:
        """`cut` makes pieces whose ids in a row are those of the text."""
        self._encode, self._cut, self._most = encode, cut, most
        self._known: dict[MarkedText, TokenIds] = {}
        self._characters = 0

    def ids(self, text: MarkedText) -> list[int]:
        """The ids of a text."""
        pieces = list(self._cut(text))
        missing = [piece for piece in dict.fromkeys(pieces) if piece not in self._known]
        found = dict(zip(missing, map(token_array, self._encode(missing)), strict=True))
        for piece in pieces:  # moved to the end
            known = self._known.pop(piece, None)
            self._characters += len(piece.text) if known is None else 0
            self._known[piece] = found[piece] if known is None else known
        whole = list(chain.from_iterable(self._known[piece].tolist() for piece in pieces))
        while self._characters > self._most:
            oldest = next(iter(self._known))
            self._characters -= len(oldest.text)
            del self._known[oldest]
        return whole
