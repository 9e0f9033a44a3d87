"""Makers of chats."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from evalkit.chatting import ChatModel, open_chat
from evalkit.settings import RunSettings
from tests.models.endpoint.conftest import server

__all__ = ["server"]


@pytest.fixture
def notes() -> list[str]:
    """What was noted."""
    return []


@pytest.fixture
def new_chat(notes: list[str]) -> Iterator[Callable[..., ChatModel]]:
    """Maker of chats: `new_chat(max_new_tokens=…)` with needle-tiny, or an engine in its place."""
    made: list[ChatModel] = []

    def make(
        engine: Any = None, *, model: str = "needle-tiny", is_rope_free: bool = False, **settings: Any
    ) -> ChatModel:
        chat = open_chat(RunSettings(model, (), **settings), notes.append, is_rope_free=is_rope_free)
        chat._adapter = engine
        made.append(chat)
        return chat

    yield make
    for chat in made:
        chat.close()
