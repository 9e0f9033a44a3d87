"""What tables of the terminal say, in the words of the page."""

from __future__ import annotations

import re

from ._labels import Labels

__all__ = ["in_words"]


def in_words(text: str, words: Labels) -> str:
    """A cell of a terminal's table in the page's words; names, numbers and what has no other word stay."""
    if counted := re.fullmatch(r"(\d+/\d+) tasks", text):
        return words["term_tasks"].format(count=counted[1])
    return words.get(f"term_{re.sub(r'[^a-z]+', '_', text.lower()).strip('_')}", text)
