"""Ends of sentences: found in the text, in any script, and counted in tokens.

Looked for only around the places that are asked about, so that a haystack of a million tokens is never decoded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from .._context import Encoder
from .._token_text import TokenText

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ids = NDArray[np.int32]

__all__ = ["TextEnd", "character_end", "reach", "sentence_end", "text_ends"]

# The ellipses, and what Unicode's Sentence_Break property calls STerm and ATerm (UAX #29), in scripts of our day.
NARROW = ".!?…⋯‼⁇⁈⁉‽"  # Latin, Greek, Cyrillic, Hebrew …: an end where white space follows, so that 2.5 is not cut
WIDE = (
    "。！？｡﹒﹖﹗"  # Chinese and Japanese, full-width, half-width and small forms
    "।॥"  # Devanagari, Bengali, Gurmukhi, Oriya …
    "؟۔؞܀܁܂߹"  # Arabic, Urdu, Syriac, N'Ko
    "។៕။"  # Khmer, Burmese
    "።፧፨"  # Ethiopic
    "։"  # Armenian
    "᠃᠉᱾᱿꯫"  # Mongolian, Santali, Meetei
)
FULL_WIDTH_POINT = "．(?![0-9０-９])"  # a decimal point between digits, elsewhere an end
CLOSERS = "”’»›)）]］}｝】〕〗」』〉》"  # belong to the sentence that a mark before them ends
QUOTES = "\"'“‘"  # open or close: they close where a narrow mark stands before and white space behind
BLANKS = " \t\u3000"  # a token may hold them together with the mark

_END = re.compile(
    rf"(?P<mark>[{NARROW}]*(?:[{WIDE}]|{FULL_WIDTH_POINT})[{NARROW}{WIDE}．]*[{re.escape(CLOSERS)}]*"
    rf"|[{NARROW}]+[{re.escape(CLOSERS + QUOTES)}]*(?=\s)"
    rf"|[\n\u2028\u2029])"
    rf"[{QUOTES}]*[{BLANKS}]*"
)

FIRST_WINDOW = 32  # tokens looked at at first, four times as many each time nothing is found
AHEAD = 8  # tokens behind the place: the white space behind a mark, and the rest of a character

REACH_SHARE = 0.05  # of the haystack: nearer than the rows of any figure lie
REACH_LEAST = 128  # tokens: a sentence of evalkit's text has up to 25, or 100 where bytes are tokens
REACH_LEAST_SHARE = 0.25  # of haystacks so short that 128 tokens are most of them
REACH_MOST = 1024  # tokens: a text without an end in so many has none, and looking costs time


class TextEnd(NamedTuple):
    """One end of a sentence, in characters."""

    first: int
    """Behind the mark and what closes quotations and brackets."""
    last: int
    """Behind the blanks and quotation marks that follow, which a token may hold together with the mark."""


def text_ends(text: str) -> Iterator[TextEnd]:
    """The ends of sentences in a text, in order; one whose mark stands at the very end needs a wide mark."""
    for found in _END.finditer(text):
        yield TextEnd(found.end("mark"), found.end())


def reach(tokens: int) -> int:
    """How far before its place, in tokens, a needle goes back for the end of a sentence in that long a haystack."""
    least = min(REACH_LEAST, REACH_LEAST_SHARE * tokens)
    return int(min(REACH_MOST, max(REACH_SHARE * tokens, least)))


def sentence_end(encoder: Encoder, ids: Ids, before: int) -> int | None:
    """Index behind the last sentence that ends at or before index `before`; None where none ends within reach.

    The start of the text counts as such an end.
    """
    most = reach(len(ids))
    window = min(FIRST_WINDOW, most)
    while True:
        start = max(0, before - window)
        found = _last_end(TokenText(encoder, ids[start : before + AHEAD].tolist()), before - start)
        if found is not None or start == 0:
            return start + (found or 0)
        if window == most:
            return None
        window = min(4 * window, most)


def character_end(encoder: Encoder, ids: Ids, before: int) -> int:
    """The last index at or before index `before` that lies between two characters, not inside one."""
    start = max(0, before - FIRST_WINDOW)
    around = TokenText(encoder, ids[start : before + AHEAD].tolist())
    return start + around.tokens(around.characters(before - start))


def _last_end(around: TokenText, before: int) -> int | None:
    """Tokens of a slice up to the last end that its first `before` tokens hold and that lies between two tokens."""
    limit = around.characters(before)
    ends = [end for end in text_ends(around.text) if end.first <= limit]
    for end in reversed(ends):
        tokens = around.tokens(end.first)
        if around.characters(tokens) <= end.last:
            return tokens
    return None
