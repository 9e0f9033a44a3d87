"""Chinese word segmentation as jieba 0.42.1 does it in accurate mode, loaded when the first text is cut.

jieba finds the likeliest sequence of dictionary words, and cuts what stays single characters by a hidden Markov model.
The second step and the dictionary are its own; the first is written here for speed, with jieba's arithmetic, operation
by operation, so that ties fall as they do there. Tests hold it against jieba.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from typing import NamedTuple

__all__ = ["words"]

# jieba/__init__.py at 0.42.1: re_han_default, re_skip_default.
_WORD_SIGNS = re.compile(r"([\u4E00-\u9FD5a-zA-Z0-9+#&\._%\-]+)")
_WHITE = re.compile(r"(\r\n|\s)")


@lru_cache(maxsize=4096)
def words(text: str) -> tuple[str, ...]:
    """The words of the text in accurate mode with the hidden Markov model; white space and punctuation are words."""
    found: list[str] = []
    for number, block in enumerate(_WORD_SIGNS.split(text)):
        if number % 2:
            found += _cut_block(block)
            continue
        for place, part in enumerate(_WHITE.split(block)):
            found += (part,) if place % 2 else part
    return tuple(found)


@lru_cache(maxsize=65536)
def _cut_block(block: str) -> tuple[str, ...]:
    """The words of a text of letters, digits and Chinese characters."""
    segmenter = _segmenter()
    found: list[str] = []
    single = start = 0  # where a row of single characters began, and where the next word does
    for end in _word_ends(block, segmenter.dictionary):
        if end - start > 1:
            found += segmenter.cut_row(block[single:start])
            found.append(block[start:end])
            single = end
        start = end
    found += segmenter.cut_row(block[single:])
    return tuple(found)


class _Dictionary(NamedTuple):
    """jieba's dictionary."""

    weights: Mapping[str, float]
    """Word → logarithm of its share of all words, below 0; two or more characters that only begin words → 0."""
    unknown: float
    """Weight of a character that is no word."""


@dataclass(frozen=True)
class _Segmenter:
    """What cutting needs."""

    dictionary: _Dictionary
    guess: Callable[[str], Iterable[str]]
    """Words of a row of characters that the dictionary does not join."""

    def cut_row(self, row: str) -> Iterable[str]:
        """The words of a row of single characters: themselves, where there is one or where the row is a word."""
        return row if len(row) < 2 or self.dictionary.weights.get(row) else self.guess(row)


def _word_ends(block: str, dictionary: _Dictionary) -> list[int]:
    """Where the words of the likeliest sequence end; of several, the one whose first word is longest."""
    look_up, size = dictionary.weights.get, len(block)
    best, ends = [0.0] * (size + 1), [0] * size
    for start in range(size - 1, -1, -1):
        single = look_up(block[start])
        value, last, end = -math.inf if single is None else single + best[start + 1], start + 1, start + 2
        while end <= size and (weight := look_up(block[start:end])) is not None:
            if weight and weight + best[end] >= value:
                value, last = weight + best[end], end
            end += 1
        best[start] = dictionary.unknown + best[last] if value == -math.inf else value
        ends[start] = last
    found, place = [], 0
    while place < size:
        place = ends[place]
        found.append(place)
    return found


@cache
def _segmenter() -> _Segmenter:
    """The packaged dictionary and jieba's own model.

    jieba's start-up is not used: it trusts `jieba.cache` in the shared temporary folder, which anybody could have
    written.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its regular expressions hold invalid escapes
        from jieba import finalseg

    guess = lru_cache(maxsize=65536)(lambda row: tuple(finalseg.cut(row)))
    return _Segmenter(_read_dictionary((resources.files("jieba") / "dict.txt").read_text("utf-8")), guess)


def _read_dictionary(text: str) -> _Dictionary:
    """The dictionary from lines of word, count and part of speech."""
    fields = text.split()
    names, counts = fields[::3], list(map(int, fields[1::3]))
    log_total = math.log(sum(counts))
    logs = {count: math.log(count) - log_total for count in set(counts) if count}  # most counts come often
    weights: dict[str, float] = {}
    longer, length = names, 2
    while longer := [word for word in longer if len(word) > length]:
        weights |= dict.fromkeys([word[:length] for word in longer], 0.0)
        length += 1
    weights |= {word: logs[count] for word, count in zip(names, counts, strict=True) if count}
    return _Dictionary(weights, math.log(1) - log_total)
