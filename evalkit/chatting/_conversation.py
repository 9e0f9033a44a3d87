"""What has been said so far; a value that never changes, so that many conversations share one model."""

from __future__ import annotations

from dataclasses import dataclass, replace

from evalkit.documents import Document
from evalkit.tasks.samples import Turn

__all__ = ["Conversation"]


@dataclass(frozen=True, slots=True)
class Conversation:
    """A document, and questions about it with their answers."""

    document: Document | None = None
    """What is asked about; None = nothing but the conversation."""
    system: str = ""
    """System message; empty = none."""
    turns: tuple[Turn, ...] = ()
    """Questions and answers so far."""

    def and_then(self, question: str, answer: str) -> Conversation:
        """The conversation with one more turn."""
        return replace(self, turns=(*self.turns, Turn(question, answer)))

    def anew(self) -> Conversation:
        """Document and system message without the turns."""
        return replace(self, turns=())
