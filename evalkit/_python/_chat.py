"""A conversation with a model about one document, as a Python caller holds it."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Self

from evalkit.chatting import Asked, ChatModel, Conversation, Heard, Reply
from evalkit.errors import SampleError, UserError

from ._arguments import check_text
from ._wording import python_words

__all__ = ["Chat"]


class Chat:
    """Questions about one document, each with those before it. A context: the weights go when it ends."""

    def __init__(self, model: ChatModel, conversation: Conversation) -> None:
        self.model = model
        """The model, which several conversations may share."""
        self.conversation = conversation
        """Document, system message, and what was said so far."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        document = self.conversation.document
        about = "nothing but what is said" if document is None else document.name
        return f"<Chat {self.model.session.card.name} · {about} · {len(self.conversation.turns)} questions>"

    def prepare(self, question: str) -> Asked:
        """The question as the prompt that it would be: its tokens, and what truncation leaves out of the document.

        Raises `UserError` for what is no question, and `SampleError` for one that has no room.
        """
        with python_words():
            check_text(question=question)
            if not question.strip():
                raise UserError("question: an empty text; ask something")
            return self.model.prepare(self.conversation, question)

    def ask(self, question: str) -> Reply:
        """The answer. Raises `SampleError` where there is none, and for a question that has no room."""
        reply = None
        for part in self.stream(question):
            if isinstance(part, Reply):
                reply = part
        if reply is None or reply.error is not None:
            raise SampleError("no answer came" if reply is None else str(reply.error))
        return reply

    def stream(self, question: str) -> Iterator[Heard | Reply]:
        """The answer as it grows (`Heard`, whose text is all of it so far), then the `Reply`.

        The answer becomes a turn of the conversation when it is complete, unless there is none (`Reply.error`).
        """
        with python_words():
            for part in self.model.ask(self.prepare(question)):
                if isinstance(part, Reply) and part.error is None:
                    self.conversation = self.conversation.and_then(question, part.text)
                yield part

    def reset(self) -> None:
        """Forget the questions; document, system message and what was computed of them stay."""
        self.conversation = self.conversation.anew()

    def close(self) -> None:
        """Give memory back; the next question would read the weights again."""
        self.model.close()
