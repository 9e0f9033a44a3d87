"""Thoughts in the texts of a server whose template and tokenizer nobody here knows, so that no tags were found."""

from __future__ import annotations

from collections.abc import Callable

from evalkit.cards import ReasoningTags
from evalkit.prompts import KNOWN_TAGS, split_reasoning

__all__ = ["UntoldThoughts", "tags_in"]


def tags_in(text: str) -> ReasoningTags | None:
    """The first known pair of tags that thoughts in the text stand between; None where it has none."""
    return next((tags for tags in KNOWN_TAGS if split_reasoning(text, tags, is_open=False).reasoning is not None), None)


class UntoldThoughts:
    """Says once that answers begin with thoughts which are scored with them."""

    def __init__(self, name: str, note: Callable[[str], None]) -> None:
        """`name` is the model's."""
        self._name = name
        self._note = note
        self._is_said = False

    def see(self, text: str) -> None:
        """Take an answer, of which nothing was told apart, into account."""
        tags = None if self._is_said else tags_in(text)
        if tags is not None:
            self._is_said = True
            self._note(
                f"{self._name}: its answers hold thoughts ({tags}), which are scored as a part of them: let the server "
                "parse them off, give --max-reasoning-tokens N, or name the tags in a card (reasoning: {open, close})"
            )
