"""One line of a file of samples, and the messages that ask it; a chat asks with the very same ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, Self

from pydantic import Field, model_validator

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
    """A question about a document, what was said before it, and what a right answer is. Rows of L-Eval are such."""

    input: str = ""
    """The document, whole; empty = there is none."""
    instructions: tuple[str, ...] = Field(min_length=1)
    """Questions, each asked by itself; a chat writes one."""
    outputs: tuple[str, ...] = ()
    """Gold answers, one for each question; none, or an empty one = nobody has said yet what is right."""
    evaluation: Literal["keyword", "exact", "f1", "rouge", "exam", "human", "LLM"] = "keyword"
    """How answers are scored: the gold answer stands in it, is it, shares words with it, or overlaps (ROUGE-L).

    L-Eval's `exam` is `exact`; its `human` and `LLM` are left to a judge and not scored here."""
    source: str = ""
    """Where the document comes from, as L-Eval's rows say; nothing depends on it."""
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

    @model_validator(mode="after")
    def _check_texts(self) -> Self:
        if self.outputs and len(self.outputs) != len(self.instructions):
            raise ValueError(
                f"{len(self.outputs)} outputs for {len(self.instructions)} instructions: give as many, or none"
            )
        if not all(question.strip() for question in self.instructions):
            raise ValueError("instructions: an empty question; write one, or remove it")
        return self

    @property
    def questions(self) -> list[Turn]:
        """Each question with its gold answer, empty where nobody has said it."""
        golds = self.outputs or ("",) * len(self.instructions)
        return [Turn(*each) for each in zip(self.instructions, golds, strict=True)]


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
