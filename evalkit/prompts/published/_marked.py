"""Texts with control tokens in them: written by a chat format, never by what a message or a document holds.

Contents are guarded before a format takes them up, the finished text is read for the texts of control tokens, and the
guards go out of it again:

    guarded   <unk>You are <|FDD0|>… with `<` + guard + `unk>` where a message says "<unk>"
    marked    text `<unk>You are …<unk>…`, one mark at 0 to 5 for the token 0
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

__all__ = ["GUARDS", "Mark", "MarkedText", "guarded", "marked", "spelled"]

# Noncharacters: no text should hold them. Those that do keep theirs, because what they hold themselves is escaped.
_GUARD, _ESCAPE = "\ufdd0", "\ufdd1"
_ESCAPED = {_GUARD: f"{_ESCAPE}g", _ESCAPE: f"{_ESCAPE}e"}
_ESCAPES = str.maketrans(_ESCAPED)
_SHOWN = {_GUARD: "", **{escaped: character for character, escaped in _ESCAPED.items()}}

GUARDS = frozenset({_GUARD, _ESCAPE})
"""Characters that the text of a control token cannot hold."""


class Mark(NamedTuple):
    """A stretch of a text that is one token."""

    start: int
    """First character."""
    stop: int
    """Behind the last character."""
    token: int
    """Its id."""


class MarkedText(NamedTuple):
    """A text and the stretches of it that are control tokens; all else is plain, whatever it says."""

    text: str
    """What a reader sees, the texts of control tokens included."""
    marks: tuple[Mark, ...] = ()
    """In order, without overlaps."""

    def part(self, start: int, stop: int) -> MarkedText:
        """The text from `start` to `stop` with the marks that lie whole inside."""
        inside = (mark for mark in self.marks if start <= mark.start and mark.stop <= stop)
        return MarkedText(self.text[start:stop], tuple(Mark(a - start, b - start, token) for a, b, token in inside))

    def __add__(self, other: object) -> MarkedText:
        """Both in a row."""
        if not isinstance(other, MarkedText):
            return NotImplemented
        behind = (Mark(a + len(self.text), b + len(self.text), token) for a, b, token in other.marks)
        return MarkedText(self.text + other.text, (*self.marks, *behind))

    def pieces(self) -> Iterator[str | int]:
        """Plain stretches and control tokens in order; a plain one may be empty only where the whole text is."""
        end = 0
        for mark in self.marks:
            if mark.start > end:
                yield self.text[end : mark.start]
            yield mark.token
            end = mark.stop
        if end < len(self.text) or not self.marks:
            yield self.text[end:]


def spelled(parts: Iterable[str | int], texts: Mapping[int, str]) -> MarkedText:
    """Plain texts and control tokens in a row as one text; `texts` are those of the tokens."""
    whole: list[str] = []
    marks: list[Mark] = []
    size = 0
    for part in parts:
        text = texts[part] if isinstance(part, int) else part
        if isinstance(part, int):
            marks.append(Mark(size, size + len(text), part))
        whole.append(text)
        size += len(text)
    return MarkedText("".join(whole), tuple(marks))


def guarded(content: str, tokens: Iterable[str]) -> str:
    """The content with a guard inside every text of a control token, and where one could arise at its two ends."""
    texts = tuple(sorted(tokens))
    content = content.translate(_ESCAPES) if _GUARD in content or _ESCAPE in content else content
    if not texts or not content:
        return content
    if any(text in content for text in texts):
        # Looking ahead finds those that overlap as well.
        starts = [found.start() + 1 for found in _ahead(texts).finditer(content)]
        cuts = [0, *starts, len(content)]
        content = _GUARD.join(content[a:b] for a, b in itertools.pairwise(cuts))
    front, back = _edges(texts)
    before = _GUARD if front.match(content) or _is_inside(content, texts) else ""
    return before + content + (_GUARD if back.search(content[-_longest(texts) :]) else "")


def marked(text: str, tokens: Mapping[str, int]) -> MarkedText:
    """A guarded text as its readers see it, with a mark at each text of a control token that no guard breaks."""
    if not tokens:
        return MarkedText(text)
    parts: list[str] = []
    marks: list[Mark] = []
    end = size = 0
    for found in _scanner(tuple(sorted(tokens))).finditer(text):
        plain, word = text[end : found.start()], found.group()
        shown = _SHOWN.get(word, word)
        if word not in _SHOWN:
            start = size + len(plain)
            marks.append(Mark(start, start + len(word), tokens[word]))
        parts += [plain, shown]
        size += len(plain) + len(shown)
        end = found.end()
    return MarkedText("".join([*parts, text[end:]]), tuple(marks))


def _either(texts: Iterable[str]) -> str:
    return "|".join(map(re.escape, sorted(set(texts), key=lambda text: (-len(text), text))))


@lru_cache(8)
def _ahead(texts: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(f"(?={_either(texts)})")


@lru_cache(8)
def _scanner(texts: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(f"{_either(_SHOWN)}|{_either(texts)}")  # the longest first, as tries of tokenizers find it


@lru_cache(8)
def _edges(texts: tuple[str, ...]) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """What the end of such a text leaves at the front of a content, and its beginning at the back of one."""
    ends = {text[cut:] for text in texts for cut in range(1, len(text))}
    beginnings = {text[:cut] for text in texts for cut in range(1, len(text))}
    return re.compile(_either(ends)), re.compile(f"(?:{_either(beginnings)})$")


def _is_inside(content: str, texts: tuple[str, ...]) -> bool:
    """Whether the whole content stands in the middle of such a text, so that a format may complete it."""
    return len(content) < _longest(texts) and any(content in text for text in texts)


def _longest(texts: tuple[str, ...]) -> int:
    return max(map(len, texts))
