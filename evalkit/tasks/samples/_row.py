"""One line of a file of samples, and the messages that ask it; a chat asks with the very same ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from pydantic import Field

from evalkit.records import Count, FrozenRecord

from .._records import Message

__all__ = ["SavedSample", "Turn", "messages_of"]


class Turn(NamedTuple):
    """A question and its answer."""

    question: str
    """What the user said."""
    answer: str
    """What the model said."""


class SavedSample(FrozenRecord):
    """A question about a document, what was said before it, and what a right answer is."""

    input: str = ""
    """The document, whole; empty = there is none."""
    instructions: tuple[str, ...] = Field(min_length=1)
    """Questions of L-Eval's files; a chat writes one."""
    outputs: tuple[str, ...] = ()
    """Gold answers, one for each question; empty = nobody has said yet what is right."""
    evaluation: Literal["keyword", "exact", "f1", "rouge"] = "keyword"
    """How answers are scored: the gold answer stands in it, is it, shares words with it, or overlaps (ROUGE-L)."""
    system: str = ""
    """System message; empty = none."""
    examples: tuple[Turn, ...] = ()
    """Turns shown before the conversation, as role play does."""
    turns: tuple[Turn, ...] = ()
    """The conversation before the question."""
    max_new_tokens: Count = 512
    """Generation limit, in tokens."""
    model: str | None = None
    """Card of the model that was asked; nothing depends on it."""
    answer: str | None = None
    """What it answered; nothing depends on it."""


def messages_of(
    question: str, *, document: str = "", system: str = "", examples: Sequence[Turn] = (), turns: Sequence[Turn] = ()
) -> tuple[Message, ...]:
    """The chat turns up to the question: system, examples, conversation, question; the document before the first turn
    of the conversation."""
    messages = [Message("system", system)] if system else []
    for turn in examples:
        messages += [Message("user", turn.question), Message("assistant", turn.answer)]
    asked = [*(turn.question for turn in turns), question]
    if document:
        asked[0] = f"{document}\n\n{asked[0]}"
    for text, turn in zip(asked, turns, strict=False):
        messages += [Message("user", text), Message("assistant", turn.answer)]
    return (*messages, Message("user", asked[-1]))
