"""Styles of sections, each kept to its own: a class of one section never meets a rule of another."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

__all__ = ["scoped"]

_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_BEFORE_BRACE = re.compile(r"([^{}]+)\{")


def scoped(style: str, sections: Sequence[str]) -> str:
    """The style with every rule below one of the sections; rules of the root stay, and none becomes more specific."""
    place = f":where({', '.join(f'#{name}' for name in sections)})"

    def below(match: re.Match[str]) -> str:
        text = match[1].strip()
        if text.startswith(("@", ":root")):
            return match[0]
        return f"\n{', '.join(f'{place} {each}' for each in _selectors(text))} {{"

    return _BEFORE_BRACE.sub(below, _COMMENT.sub("", style))


def _selectors(text: str) -> Iterator[str]:
    """The selectors of a list, which is parted by commas outside brackets."""
    depth, start = 0, 0
    for place, sign in enumerate(text):
        depth += (sign in "([") - (sign in ")]")
        if sign == "," and depth == 0:
            yield text[start:place].strip()
            start = place + 1
    yield text[start:].strip()
