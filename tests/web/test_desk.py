"""What people do on the chat's page before it is ready for it, without a browser."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from evalkit.chatting import Conversation
from evalkit.documents import Document
from evalkit.errors import UserError
from evalkit.web import _desk
from evalkit.web._answers import Loading
from evalkit.web._desk import Changes, Desk, Settings
from evalkit.web._sessions import MOST_READ, READ_AT_ONCE, Reader, Session
from tests.browser.chat.scripted import Gate, Script, scripted

PLAIN = Settings.of("", "native", 0, 1, 0, 1, 3)


def desk_of(script: Script, folder: Path, document: Document | None = None) -> tuple[Desk, Any]:
    """A desk with one session `a`, and its model."""
    model, _ = scripted(script)
    loading = Loading(model)
    loading.begin()
    return Desk(model, loading, Session(Conversation(document)), None, folder), model


async def asked(desk: Desk, question: str, settings: Settings = PLAIN) -> Changes:
    """All that a question changes on the page."""
    found: Changes = {}
    async for changes in desk.ask("a", question, settings):
        found |= changes
    return found


async def until(condition: Callable[[], Any]) -> None:
    """Wait until something holds."""
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        await asyncio.sleep(0.01)


def gated(model: Any, method: str) -> tuple[threading.Event, Gate]:
    """A method of the model that waits: what tells that it is there, and what lets it go on."""
    is_there, gate, real = threading.Event(), Gate(), getattr(model, method)

    def waiting(*args: Any) -> Any:
        is_there.set()
        gate.wait()
        return real(*args)

    setattr(model, method, waiting)
    return is_there, gate


@pytest.mark.parametrize("change", ["drop", "reset"])
def test_an_answer_about_what_is_gone_is_no_part_of_the_new_conversation(tmp_path: Path, change: str) -> None:
    """Whoever begins anew while a question is being prepared is never told what was asked before."""

    async def main() -> None:
        desk, model = desk_of(lambda _: ["about the old one"], tmp_path, Document("old.txt", "the old one"))
        await desk.begin("a")
        is_there, gate = gated(model, "prepare")
        asking = asyncio.create_task(asked(desk, "what is it?"))
        await until(is_there.is_set)
        await getattr(desk, change)("a")
        gate.open()
        changes = await asking
        session = desk._sessions.of("a")
        assert (session.conversation.turns, session.exchanges, session.last) == ((), [], None)
        assert "past" not in changes and (changes["ask"], changes["stop"]) == (True, False)
        assert "about the old one" in (await asked(desk, "and now?"))["past"]  # the next question is answered

    asyncio.run(main())


def test_stop_holds_for_a_question_that_is_still_prepared(tmp_path: Path) -> None:
    """The answer ends behind its first piece."""

    def script(_: str) -> Iterator[str]:
        while True:
            yield "x"
            time.sleep(0.01)

    async def main() -> None:
        desk, model = desk_of(script, tmp_path)
        await desk.begin("a")
        is_there, gate = gated(model, "prepare")
        asking = asyncio.create_task(asked(desk, "what?"))
        await until(is_there.is_set)
        await desk.stop("a")
        gate.open()
        assert "stopped" in (await asyncio.wait_for(asking, 10))["past"]

    asyncio.run(main())


def test_a_new_conversation_does_not_wait_for_the_old_answer(tmp_path: Path) -> None:
    """A question may follow at once, also while the model has not said anything yet; it stands in line."""
    begun, gate = threading.Event(), Gate()

    def script(prompt: str) -> Iterator[str]:
        if "deaf" in prompt:
            begun.set()
            gate.wait()
        yield "said"

    async def main() -> None:
        desk, _ = desk_of(script, tmp_path)
        await desk.begin("a")
        asking = asyncio.create_task(asked(desk, "deaf?"))
        await until(begun.is_set)
        await desk.reset("a")
        await asyncio.wait_for(asking, 10)
        second = asyncio.create_task(asked(desk, "and now?"))
        await until(lambda: desk._sessions.of("a").job)
        gate.open()
        assert "said" in (await second)["past"]

    asyncio.run(main())


def test_a_double_click_asks_once_and_says_nothing(tmp_path: Path) -> None:
    """The same question again, or the box that was just emptied; another question is told to wait.

    Something is yielded each time: else Gradio empties all parts of the page, labels of buttons too.
    """
    gate = Gate()

    def script(_: str) -> Iterator[str]:
        yield "said"
        gate.wait()

    async def main() -> None:
        desk, _ = desk_of(script, tmp_path)
        await desk.begin("a")
        asking = asyncio.create_task(asked(desk, "what?"))
        await until(lambda: desk._sessions.of("a").asking)
        assert await asked(desk, "what? ") == {"problem": ""} == await asked(desk, "")
        assert "one answer at a time" in (await asked(desk, "something else?"))["problem"]
        gate.open()
        assert (await asking)["past"].count("<article>") == 1
        assert "empty" in (await asked(desk, ""))["problem"]

    asyncio.run(main())


def test_of_several_uploads_the_last_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long each is read; until then nothing is asked, and what is typed stays in its box."""
    gate = Gate()

    def document_of(name: str, data: bytes) -> Document:
        if name == "slow.txt":
            gate.wait()
        return Document(name, data.decode())

    monkeypatch.setattr(_desk, "document_of", document_of)

    async def main() -> None:
        desk, _ = desk_of(lambda _: ["said"], tmp_path)
        await desk.begin("a")
        for name in ("slow.txt", "quick.txt"):
            (tmp_path / name).write_text(name)
        slow = asyncio.create_task(desk.take_upload("a", str(tmp_path / "slow.txt")))
        await until(lambda: desk._sessions.of("a").upload)
        assert "being read" in (await asked(desk, "what?"))["problem"]
        changes = await desk.take_upload("a", str(tmp_path / "quick.txt"))
        assert "quick.txt" in changes["document"] and "question" not in changes
        gate.open()
        await slow
        document = desk._sessions.of("a").conversation.document
        assert document is not None and document.name == "quick.txt"

    asyncio.run(main())


def test_few_uploads_are_read_at_once_and_few_wait(tmp_path: Path) -> None:
    """A PDF takes a process with up to 2 GiB."""
    gate, running, most = Gate(), list[str](), list[int]()
    reader = Reader(tmp_path)
    file = tmp_path / "a.pdf"
    file.write_bytes(b"x")

    def make(upload: tuple[str, bytes]) -> None:
        running.append(upload[0])
        most.append(len(running))
        gate.wait()
        running.pop()

    threads = [threading.Thread(target=reader.read, args=(str(file), make)) for _ in range(MOST_READ)]
    for each in threads:
        each.start()
    end = time.monotonic() + 20
    while reader._places._value or len(running) < READ_AT_ONCE:
        assert time.monotonic() < end
        time.sleep(0.01)
    with pytest.raises(UserError, match="are being read already"):
        reader.read(str(file), make)
    gate.open()
    for each in threads:
        each.join()
    assert len(most) == MOST_READ and max(most) == READ_AT_ONCE


def test_the_end_waits_once_for_all_answers(tmp_path: Path) -> None:
    """However many sessions were asking."""
    gate = Gate()

    def script(_: str) -> Iterator[str]:
        gate.wait()
        yield "late"

    async def main() -> None:
        desk, _ = desk_of(script, tmp_path)
        for number in range(5):
            await desk.begin(str(number))
            asyncio.create_task(_all(desk, str(number)))  # noqa: RUF006
        await until(lambda: all(desk._sessions.of(str(number)).job for number in range(5)))
        began = time.monotonic()
        desk.close(0.2)
        assert time.monotonic() - began < 0.8
        gate.open()

    asyncio.run(main())


async def _all(desk: Desk, name: str) -> None:
    async for _ in desk.ask(name, "what?", PLAIN):
        pass
