"""Many pages at one model, and weights that cannot be read, without a browser."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from evalkit.chatting import ChatModel, Conversation, open_chat
from evalkit.errors import UserError
from evalkit.settings import RunSettings
from evalkit.web._answers import Loading
from evalkit.web._desk import MOST_WAITING, Desk, Settings
from evalkit.web._sessions import MOST_SESSIONS, Session, Sessions
from tests.chatting.talks import Engine

PLAIN = Settings("", "native", 0.0, 1.0, 0, 1.0, 5)
PATIENCE = 30


@pytest.fixture
def model() -> Iterator[ChatModel]:
    """A chat whose weights are not read."""
    made = open_chat(RunSettings("needle-tiny", (), max_new_tokens=8), lambda _: None)
    yield made
    made.close()


@pytest.fixture
def new_desk(model: ChatModel, tmp_path: Path) -> Callable[[], Desk]:
    """Maker of a desk before it."""
    return lambda: Desk(model, Loading(model), Session(Conversation()), None, tmp_path)


async def _all(desk: Desk, name: str) -> dict[str, Any]:
    """All changes of a question, the last of each part."""
    changes: dict[str, Any] = {}
    async for each in desk.ask(name, "Who?", PLAIN):
        changes |= each
    return changes


def test_no_more_than_so_many_questions_wait(
    model: ChatModel, new_desk: Callable[[], Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also while the weights are read; one more is told so and keeps its question, and has an answer once others do."""
    go_on, engine = threading.Event(), Engine()
    monkeypatch.setattr(model, "load", lambda: go_on.wait(PATIENCE) and engine)

    async def many() -> tuple[dict[str, Any], list[dict[str, Any]], dict[str, Any]]:
        desk = new_desk()
        names = [f"page {number}" for number in range(MOST_WAITING + 1)]
        for name in names:
            await desk.begin(name)
        asking = [asyncio.create_task(_all(desk, name)) for name in names[:-1]]
        while sum(thread.name == "question" for thread in threading.enumerate()) < MOST_WAITING:
            await asyncio.sleep(0.01)
        refused = await _all(desk, names[-1])
        go_on.set()
        answered = [await each for each in asking]
        return refused, answered, await _all(desk, names[-1])

    refused, answered, again = asyncio.run(asyncio.wait_for(many(), PATIENCE))

    assert f"{MOST_WAITING} questions are waiting already; ask again later" in refused["problem"]
    assert ("Who?", True, False, "") == (refused["question"], refused["ask"], refused["stop"], refused["now"])
    for each in (*answered, again):
        assert "said model" in each["past"] and not each["problem"]


def test_the_page_that_was_quiet_longest_goes_for_a_new_one() -> None:
    """Its answer ends; one that was used meanwhile stays."""
    sessions, stopped = Sessions(), []

    class Kept(Session):
        def stop(self) -> None:
            stopped.append(self)

    made = [sessions.begin(f"page {number}", Kept(Conversation())) for number in range(MOST_SESSIONS)]
    sessions.of("page 0")
    sessions.begin("another", Session(Conversation()))

    assert [made[1]] == stopped
    assert made[0] is sessions.of("page 0")
    with pytest.raises(UserError, match="session has ended; reload the page"):
        sessions.of("page 1")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (UserError("needle-tiny: no weights"), "needle-tiny: no weights"),
        (RuntimeError("out of\nmemory"), "the model failed: out of memory"),
    ],
)
def test_weights_that_cannot_be_read_are_one_line(
    model: ChatModel, new_desk: Callable[[], Desk], monkeypatch: pytest.MonkeyPatch, error: Exception, line: str
) -> None:
    """Above the conversation, and under a question that is asked all the same; once they can be, both say so."""
    errors = [error]

    def load() -> Any:
        if errors:
            raise errors[0]
        model._adapter = Engine()
        return model._adapter

    monkeypatch.setattr(model, "load", load)

    async def tried() -> tuple[tuple[str, str], dict[str, Any], dict[str, Any]]:
        desk = new_desk()
        await desk.begin("page")
        (*_, said) = [each async for each in desk.status()]
        failed = await _all(desk, "page")
        errors.clear()
        answered = await _all(desk, "page")
        return said, failed, answered

    said, failed, answered = asyncio.run(asyncio.wait_for(tried(), PATIENCE))

    shown = f'<p class="line problem" role=status dir=auto>{line}</p>'
    assert (line, "problem") == said
    assert shown in failed["past"] and shown in failed["status"]
    assert "said model" not in failed["past"] and failed["ask"] is True
    assert "said model" in answered["past"]
    assert "window 1,024 tokens · answers up to 8 tokens" in answered["status"] and shown not in answered["status"]


def test_the_weights_wait_for_a_page(model: ChatModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are read once one is there."""
    began = threading.Event()
    monkeypatch.setattr(model, "load", began.set)
    loading = Loading(model)

    assert not began.wait(0.2) and loading.is_going_on
    loading.begin()
    assert began.wait(PATIENCE)
    end = time.monotonic() + PATIENCE
    while loading.is_going_on and time.monotonic() < end:
        time.sleep(0.01)
    assert not loading.is_going_on
