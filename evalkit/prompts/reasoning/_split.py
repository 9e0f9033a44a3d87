"""Thoughts and answer of a generated text, told apart. Pure: a text and its tags in, two texts out.

    "<think>The river.</think>\\n\\nBy the river."  →  thoughts "The river.", answer "By the river."

1. Thoughts begin with the text where the prompt opened them, or where the text begins with the opening tag.
2. They end at the first closing tag. All behind it is the answer, whatever tags stand in it.
3. Without a closing tag they never ended: there is no answer.
4. A closing tag that no opening one stands before ends thoughts that began unseen.
5. Any other text is an answer, also where it writes about tags.

Blanks between the closing tag and the answer belong to neither.
"""

from __future__ import annotations

from typing import NamedTuple

from evalkit.cards import ReasoningTags

__all__ = ["Split", "split_reasoning"]


class Split(NamedTuple):
    """The two parts of a text."""

    reasoning: str | None
    """The thoughts without their tags; None where the text has none."""
    answer: str
    """What is scored."""
    is_closed: bool
    """Whether the thoughts ended; True where there are none."""


def split_reasoning(text: str, tags: ReasoningTags, is_open: bool) -> Split:
    """The thoughts and the answer in a text; `is_open` = the prompt already wrote the opening tag."""
    start = len(text) - len(text.lstrip())
    has_tag = text.startswith(tags.open, start)
    if has_tag or is_open:
        begin = start + len(tags.open) if has_tag else 0
        end = text.find(tags.close, begin)
        if end < 0:
            return Split(text[begin:], "", is_closed=False)
        return Split(text[begin:end], text[end + len(tags.close) :].lstrip(), is_closed=True)
    end = text.find(tags.close)
    if end < 0 or tags.open in text[:end]:
        return Split(None, text, is_closed=True)
    return Split(text[:end], text[end + len(tags.close) :].lstrip(), is_closed=True)
