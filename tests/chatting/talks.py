"""Conversations about planted sentences, and engines that a test holds still."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from evalkit.chatting import Conversation, Heard, Reply
from evalkit.documents import Document
from evalkit.models import Completion, GenerationRequest, PartialAnswer
from evalkit.rope import RopeSetting

PLANTED = "The parcel sent to Martin carries the label 91537. "
FILLER = "The workers drove over the bridge after lunch. The fog came on the last day of summer. "
QUESTION = "Which label carries the parcel sent to Martin?"


def about(sentences: int, planted: str = PLANTED) -> Conversation:
    """A conversation about a planted sentence in the middle of others."""
    half = FILLER * (sentences // 2)
    return Conversation(Document("tale.txt", half + planted + half))


@dataclass
class Engine:
    """An engine that answers word by word, and waits for the test before each word where it is told to."""

    words: Sequence[str] = ("one ", "two ", "three")
    is_held: bool = False
    error: Exception | None = None
    name: str = "held"
    log: list[str] = field(default_factory=list)
    go_on: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    engine_info: dict[str, Any] = field(default_factory=dict)

    def stream(self, _: RopeSetting, request: GenerationRequest) -> Iterator[PartialAnswer | Completion]:
        """The words, then the completion."""
        self.log.append("begins")
        try:
            text = ""
            for word in self.words:
                if self.is_held:
                    self.go_on.acquire()
                if self.error is not None:
                    raise self.error
                text += word
                yield PartialAnswer(text)
            yield Completion(request.index, text, len(self.words))
        finally:
            self.log.append("ends")

    def generate(self, rope: RopeSetting, requests: Sequence[GenerationRequest]) -> Iterator[Completion]:
        """The same, whole."""
        for request in requests:
            yield from (each for each in self.stream(rope, request) if isinstance(each, Completion))

    def close(self) -> None:
        """Write it down."""
        self.log.append("closed")


def whole(parts: Iterator[Heard | Reply]) -> Reply:
    """The reply at the end."""
    *_, last = parts
    assert isinstance(last, Reply)
    return last
