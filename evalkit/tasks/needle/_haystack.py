"""Haystacks as token ids: each text is encoded once, every prompt is a splice of slices.

A haystack of 256,000 tokens serves all shorter lengths (their contexts are its beginnings) and all depths (the needle
goes between two slices), so a grid of thousands of prompts costs one encoding and copies.

Which tokenizer counts is the caller's: anything with `encode_batch` and `decode` will do.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from evalkit.errors import UserError

from .._context import Encoder
from ._sentences import character_end, sentence_end

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ids = NDArray[np.int32]

__all__ = ["Haystack", "RecentHaystacks", "encode_inside"]

BATCH = 256  # pieces encoded at once: enough for the tokenizer's threads
CHARACTERS = 6.0  # per token, before any is counted: more than most have, so that one batch mostly does
MARGIN = 1.05  # on the characters per token of the text so far

NEEDLES = 64  # groups of needles whose ids a haystack remembers: each serves all lengths and depths of a repeat
KEPT = 16  # haystacks remembered: grids go through them one after the other
KEPT_BYTES = 64 * 2**20  # and so much of their ids: eight haystacks of a million tokens

Pieces = Callable[[], Iterator[str]]
"""Makes a fresh stream of the texts that make up a haystack, each with the blank that it begins with."""


class Haystack:
    """A text without needles, for one tokenizer at a time."""

    def __init__(self, name: str, pieces: Pieces, blank: str, *, advice: str = "") -> None:
        self.name = name
        """Name in messages."""
        self.blank = blank
        """What stands between a needle and the text around it."""
        self._pieces = pieces
        self._advice = advice
        self._text: _EncodedText | None = None

    @property
    def nbytes(self) -> int:
        """Bytes that its ids take so far."""
        return self._text.nbytes if self._text is not None else 0

    def inside(self, encoder: Encoder, texts: tuple[str, ...]) -> list[list[int]]:
        """Ids of texts as they stand inside this one (`encode_inside`), remembered for the other cells of a grid."""
        return self._encoded(encoder).inside(texts)

    def prefix(self, encoder: Encoder, tokens: int, *, is_joined: bool = False) -> Ids:
        """The first `tokens` ids; `is_joined` = as they follow a needle, with a blank before them.

        Raises `UserError` where the text is shorter, saying by how much.
        """
        text = self._long_enough(encoder, tokens)
        return (text.joined if is_joined else text.plain)[:tokens]

    def sentence_end(self, encoder: Encoder, before: int, tokens: int, *, is_joined: bool = False) -> int:
        """The last end of a sentence at or before index `before` of the first `tokens` ids.

        Where none is within reach, `before` itself, or the start of the character that it lies in.
        """
        ids = self.prefix(encoder, tokens, is_joined=is_joined)
        found = sentence_end(encoder, ids, before)
        return character_end(encoder, ids, before) if found is None else found

    def character_end(self, encoder: Encoder, before: int, tokens: int, *, is_joined: bool = False) -> int:
        """The last index at or before `before` of the first `tokens` ids that is not inside a character."""
        return character_end(encoder, self.prefix(encoder, tokens, is_joined=is_joined), before)

    def _long_enough(self, encoder: Encoder, tokens: int) -> _EncodedText:
        text = self._encoded(encoder)
        there = text.grow(tokens)
        if there < tokens:
            raise UserError(
                f"haystack {self.name}: {there:,} tokens, but {tokens:,} are needed ({tokens - there:,} too few)"
                + self._advice
            )
        return text

    def _encoded(self, encoder: Encoder) -> _EncodedText:
        if self._text is None or self._text.encoder is not encoder:
            self._text = _EncodedText(encoder, self._pieces(), self.blank)
        return self._text


class RecentHaystacks:
    """Haystacks by repeat, made when they are first asked for; the last ones used are kept, so many and so large."""

    def __init__(self, make: Callable[[int], Haystack]) -> None:
        self._make = make
        self._kept: dict[int, Haystack] = {}

    def __call__(self, repeat: int) -> Haystack:
        """The haystack of a repeat; the same text however often it was forgotten."""
        found = self._kept.pop(repeat, None)
        if found is None:
            found = self._make(repeat)
            self._forget()
        self._kept[repeat] = found  # at the end: the order of use
        return found

    def _forget(self) -> None:
        """Make room for one more: the others have grown since they came."""
        while len(self._kept) >= KEPT or (self._kept and self.nbytes > KEPT_BYTES):
            self._kept.pop(next(iter(self._kept)))

    @property
    def nbytes(self) -> int:
        """Bytes that the ids of those kept take."""
        return sum(each.nbytes for each in self._kept.values())


class _EncodedText:
    """The tokens of a text as far as they were needed."""

    def __init__(self, encoder: Encoder, pieces: Iterator[str], blank: str) -> None:
        self.encoder = encoder
        self.inside = lru_cache(NEEDLES)(lambda texts: encode_inside(encoder, texts))
        self._pieces = pieces
        first = next(pieces, "")
        self._opening: tuple[str, ...] = (first, blank + first)
        self._characters = 0
        self.plain, self.joined = _array([]), _array([])

    @property
    def nbytes(self) -> int:
        return self.plain.nbytes + self.joined.nbytes

    def grow(self, tokens: int) -> int:
        """Encode on until both forms have `tokens` tokens or the text ends; how many they have."""
        while (there := self._tokens) < tokens:
            opening, texts = self._opening, self._next_pieces(tokens - there)
            if not opening and not texts:
                return there
            ids = encode_inside(self.encoder, [*opening, *texts])
            if opening:
                self.plain, self.joined, self._opening = _array(ids[0]), _array(ids[1]), ()
            self._extend(ids[len(opening) :])
        return there

    @property
    def _tokens(self) -> int:
        return 0 if self._opening else min(len(self.plain), len(self.joined))

    def _next_pieces(self, tokens: int) -> list[str]:
        """As many of the next pieces as so many tokens take, by what the text took so far."""
        # Each piece is encoded for itself, so how many are encoded at once changes no token.
        each = MARGIN * self._characters / self._tokens if self._tokens else CHARACTERS
        left = each * tokens - (len(self._opening[0]) if self._opening else 0)
        texts: list[str] = []
        while left > 0 and len(texts) < BATCH and (piece := next(self._pieces, None)) is not None:
            texts.append(piece)
            left -= len(piece)
        self._characters += sum(map(len, (*self._opening[:1], *texts)))
        return texts

    def _extend(self, pieces: Sequence[Sequence[int]]) -> None:
        import numpy as np

        if pieces:
            ids = _array(itertools.chain(*pieces))
            self.plain, self.joined = (np.concatenate([old, ids]) for old in (self.plain, self.joined))


def encode_inside(encoder: Encoder, texts: Sequence[str]) -> list[list[int]]:
    """Ids of each text as it stands inside a longer one.

    Some tokenizers put a blank before whatever they are given. Encoding behind an anchor and dropping the anchor's ids
    avoids that; where the anchor melts into the text, the text's own ids are taken.
    """
    # A letter before a blank, a line end before all else: vocabularies rarely merge across these.
    anchors = ["a" if text[:1].isspace() else "\n" for text in texts]
    kinds = list(dict.fromkeys(anchors))
    # In one call, which costs more than a short text does.
    ids_of = encoder.encode_batch([*kinds, *(anchor + text for anchor, text in zip(anchors, texts, strict=True))])
    alone, behind = dict(zip(kinds, ids_of, strict=False)), ids_of[len(kinds) :]
    result = []
    for anchor, text, ids in zip(anchors, texts, behind, strict=True):
        size = len(alone[anchor])
        result.append(ids[size:] if ids[:size] == alone[anchor] else encoder.encode_batch([text])[0])
    return result


def _array(ids: Iterable[int]) -> Ids:
    import numpy as np

    return np.fromiter(ids, dtype=np.int32)
