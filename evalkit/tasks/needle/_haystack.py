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

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ids = NDArray[np.int32]

__all__ = ["Haystack", "encode_inside"]

BATCH = 256  # pieces encoded at once: enough for the tokenizer's threads
ENDS = ".!?…"  # end a sentence when a blank follows
WIDE_ENDS = "。！？\n"  # end one whatever follows
CLOSERS = "\"'”’）)】」 "  # may stand between the end mark and the end


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
        """The last end of a sentence at or before index `before` of the first `tokens` ids; 0 where there is none."""
        import numpy as np

        ends = self._long_enough(encoder, tokens).sentence_ends(is_joined=is_joined)
        place = int(np.searchsorted(ends, before, side="right"))
        return int(ends[place - 1]) if place else 0

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
    """The tokens of a text as far as they were needed, and where its sentences end."""

    def __init__(self, encoder: Encoder, pieces: Iterator[str], blank: str) -> None:
        self.encoder = encoder
        self._pieces = pieces
        first = next(pieces, "")
        plain, joined = encode_inside(encoder, [first, blank + first])
        self.plain, self.joined = _array(plain), _array(joined)
        self._ends: dict[bool, NDArray[np.int64]] = {}

    def grow(self, tokens: int) -> int:
        """Encode on until both forms have `tokens` tokens or the text ends; how many they have."""
        import numpy as np

        while (there := min(len(self.plain), len(self.joined))) < tokens:
            texts = list(itertools.islice(self._pieces, BATCH))
            if not texts:
                return there
            ids = _array(itertools.chain(*encode_inside(self.encoder, texts)))
            self.plain, self.joined = (np.concatenate([old, ids]) for old in (self.plain, self.joined))
            self._ends.clear()
        return there

    def sentence_ends(self, *, is_joined: bool) -> NDArray[np.int64]:
        """Indexes of `joined` or `plain` behind the tokens that end a sentence, ascending."""
        if is_joined not in self._ends:
            self._ends[is_joined] = _sentence_ends(self.joined if is_joined else self.plain, self.encoder)
        return self._ends[is_joined]


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


def _sentence_ends(ids: Ids, encoder: Encoder) -> NDArray[np.int64]:
    """Indexes behind the tokens that end a sentence, ascending.

    A point is an end only where a blank follows, so that 2.5 is not cut; each pair of tokens is looked at once.
    """
    import numpy as np

    texts = {int(token): encoder.decode([int(token)], skip_special=False) for token in np.unique(ids)}
    wide = [token for token, text in texts.items() if text.rstrip(CLOSERS).endswith(tuple(WIDE_ENDS))]
    narrow = [token for token, text in texts.items() if text.rstrip(CLOSERS).endswith(tuple(ENDS))]
    is_end = np.isin(ids, np.array(wide, dtype=np.int32))
    places = np.flatnonzero(np.isin(ids[:-1], np.array(narrow, dtype=np.int32)))
    pairs, members = np.unique(np.stack([ids[places], ids[places + 1]], axis=1), axis=0, return_inverse=True)
    is_blank = np.array([_is_blank_between(pair.tolist(), texts, encoder) for pair in pairs], dtype=bool)
    if len(places):
        is_end[places] |= is_blank[members.reshape(-1)]
    return np.flatnonzero(is_end) + 1


def _is_blank_between(pair: list[int], texts: dict[int, str], encoder: Encoder) -> bool:
    both = encoder.decode(pair, skip_special=False)
    return both[len(texts[pair[0]]) :][:1].isspace()
