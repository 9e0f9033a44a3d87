"""A chat whose model says what a test tells it to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from evalkit.chatting import ChatModel, open_chat
from evalkit.models import Completion, GenerationRequest, ModelAdapter, PartialAnswer
from evalkit.rope import RopeSetting
from evalkit.settings import RunSettings

__all__ = ["Gate", "ScriptedModel", "needle_tiny", "scripted"]

Script = Callable[[str], Iterable[str]]
WAIT = 30


class Gate:
    """What a script waits at until the test opens it."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def open(self) -> None:
        """Let the script go on."""
        self._event.set()

    def wait(self) -> None:
        """Stand there."""
        assert self._event.wait(WAIT), "nobody opened the gate"


class ScriptedModel:
    """An adapter that answers with the pieces of a script, which is given the prompt's text."""

    name = "scripted"
    engine_info: dict[str, Any] = {}

    def __init__(self, script: Script, decode: Callable[[Sequence[int]], str]) -> None:
        self._script, self._decode = script, decode
        self.prompts: list[str] = []
        """Texts of the prompts that were asked."""
        self.ended = 0
        """Answers that were closed before their end."""
        self.news = threading.Condition()
        """Told whenever an answer ended."""

    def stream(self, rope: RopeSetting, request: GenerationRequest) -> Iterator[PartialAnswer | Completion]:  # noqa: ARG002
        """The pieces, one after the other; a piece that begins with `think:` is a thought."""
        prompt = self._decode([int(each) for each in request.ids])
        self.prompts.append(prompt)
        text, thought, count = "", None, 0
        try:
            for piece in self._script(prompt):
                if piece.startswith("think:"):
                    thought = (thought or "") + piece.removeprefix("think:")
                else:
                    text += piece
                count += 1
                yield PartialAnswer(text, thought, count)
        except GeneratorExit:
            with self.news:
                self.ended += 1
                self.news.notify_all()
            raise
        yield Completion(0, text, count, "stop", 0.1, 0, reasoning=thought)

    def generate(self, rope: RopeSetting, requests: Sequence[GenerationRequest]) -> Iterator[Completion]:
        """The whole answers."""
        for request in requests:
            yield from (each for each in self.stream(rope, request) if isinstance(each, Completion))

    def close(self) -> None:
        """Nothing to give back."""


def needle_tiny(window: int = 512, *, is_rope_free: bool = False, **settings: Any) -> ChatModel:
    """The chat of the model that ships with evalkit."""
    asked = RunSettings(model="needle-tiny", benchmarks=(), max_seq_len=window, **settings)
    return open_chat(asked, lambda _: None, is_rope_free=is_rope_free)


def scripted(script: Script, window: int = 512) -> tuple[ChatModel, ScriptedModel]:
    """A chat with the prompts of needle-tiny and the answers of a script, and its adapter."""
    model = needle_tiny(window)
    adapter = ScriptedModel(script, lambda ids: model.session.tokenizer.decode(list(ids), skip_special=False))

    def load() -> ModelAdapter:
        model._adapter = adapter
        return adapter

    model.load = load  # type: ignore[method-assign]
    return model, adapter
