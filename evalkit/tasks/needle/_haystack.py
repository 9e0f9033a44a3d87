"""Haystacks as token ids: each text is encoded once, every prompt is a splice of slices.

A haystack of 256,000 tokens serves all shorter lengths (their contexts are its beginnings) and all depths (the needle
goes between two slices), so a grid of thousands of prompts costs one encoding and copies.

Which tokenizer counts is the caller's: anything with `encode_batch` and `decode` will do.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from evalkit.errors import UserError

from .._context import Encoder
from ._sentences import character_end, sentence_end

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ids = NDArray[np.int32]

__all__ = ["Haystack", "encode_inside"]

BATCH = 256  # pieces encoded at once: enough for the tokenizer's threads

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
        if self._text is None or self._text.encoder is not encoder:
            self._text = _EncodedText(encoder, self._pieces(), self.blank)
        there = self._text.grow(tokens)
        if there < tokens:
            raise UserError(
                f"haystack {self.name}: {there:,} tokens, but {tokens:,} are needed ({tokens - there:,} too few)"
                + self._advice
            )
        return self._text


class _EncodedText:
    """The tokens of a text as far as they were needed."""

    def __init__(self, encoder: Encoder, pieces: Iterator[str], blank: str) -> None:
        self.encoder = encoder
        self._pieces = pieces
        first = next(pieces, "")
        plain, joined = encode_inside(encoder, [first, blank + first])
        self.plain, self.joined = _array(plain), _array(joined)

    def grow(self, tokens: int) -> int:
        """Encode on until both forms have `tokens` tokens or the text ends; how many they have."""
        import numpy as np

        while (there := min(len(self.plain), len(self.joined))) < tokens:
            texts = list(itertools.islice(self._pieces, BATCH))
            if not texts:
                return there
            ids = _array(itertools.chain(*encode_inside(self.encoder, texts)))
            self.plain, self.joined = (np.concatenate([old, ids]) for old in (self.plain, self.joined))
        return there


def encode_inside(encoder: Encoder, texts: Sequence[str]) -> list[list[int]]:
    """Ids of each text as it stands inside a longer one.

    Some tokenizers put a blank before whatever they are given. Encoding behind an anchor and dropping the anchor's ids
    avoids that; where the anchor melts into the text, the text's own ids are taken.
    """
    # A letter before a blank, a line end before all else: vocabularies rarely merge across these.
    anchors = ["a" if text[:1].isspace() else "\n" for text in texts]
    alone = {anchor: encoder.encode_batch([anchor])[0] for anchor in dict.fromkeys(anchors)}
    behind = encoder.encode_batch([anchor + text for anchor, text in zip(anchors, texts, strict=True)])
    result = []
    for anchor, text, ids in zip(anchors, texts, behind, strict=True):
        size = len(alone[anchor])
        result.append(ids[size:] if ids[:size] == alone[anchor] else encoder.encode_batch([text])[0])
    return result


def _array(ids: Iterable[int]) -> Ids:
    import numpy as np

    return np.fromiter(ids, dtype=np.int32)
