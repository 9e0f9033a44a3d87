"""A page that is served in this process, and browser sessions that watch what it does."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from evalkit.chatting import ChatModel, Conversation

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from evalkit.documents import Document

pytest.importorskip("gradio")

HERE = Path(__file__).parent
EXPECTED = ("Method not implemented.",)
"""What Gradio itself warns of on the console when a file is uploaded."""
PATIENCE = 20_000
"""Milliseconds that anything on the page may take where the processors are busy."""

Serve = Callable[..., str]
Visit = Callable[..., "Page"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Warnings of Gradio and of what it uses are not this project's."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("ignore"))


@pytest.fixture(scope="module", autouse=True)
def collected() -> Iterator[None]:
    """Gradio leaves event loops unclosed; they are collected where that is no error of a test."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gc.collect()


@pytest.fixture
def notes() -> list[str]:
    """What the page's server said to its user."""
    return []


@pytest.fixture
def serve(notes: list[str]) -> Iterator[Serve]:
    """Serves the page of a model until the test ends: `serve(model, document=…, examples=…, samples=…)` → address."""
    from evalkit.web._serve import opened
    from evalkit.web._sessions import Session

    with ExitStack() as stack:

        def serving(
            model: ChatModel,
            *,
            document: Document | None = None,
            system: str = "",
            examples: Any = None,
            **options: Any,
        ) -> str:
            first = Session(Conversation(document, system), examples)
            return stack.enter_context(opened(model, first, port=0, note=notes.append, **options))

        yield serving


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    """Opens a page in a session of its own: `visit(address, color_scheme="dark")`.

    At the end of the test no page may have asked anything of another origin, complained on the console, thrown, or
    shown a window or a dialog.
    """
    faults: list[str] = []
    with ExitStack() as stack:

        def visiting(address: str, **options: Any) -> Page:
            context = stack.enter_context(browser.new_context(**options))
            context.set_default_timeout(PATIENCE)
            page = context.new_page()
            watch(page, address, faults)
            page.goto(address)
            page.locator("#question textarea").wait_for()
            page.locator("#facts :text('Window')").wait_for()
            return page

        yield visiting
    assert faults == []


def watch(page: Page, address: str, faults: list[str]) -> None:
    """Note what a page does that it must not do."""

    def asked(url: str) -> None:
        if not url.startswith((f"{address}/", "data:", "blob:")):
            faults.append(f"request: {url[:200]}")

    def said(kind: str, text: str) -> None:
        if kind in ("error", "warning") and text not in EXPECTED:
            faults.append(f"{kind}: {text[:300]}")

    page.on("request", lambda request: asked(request.url))
    page.on("console", lambda message: said(message.type, message.text))
    page.on("pageerror", lambda error: said("error", str(error)))
    page.on("popup", lambda opened: faults.append(f"window: {opened.url}"))
    page.on("dialog", lambda dialog: (faults.append(f"dialog: {dialog.message}"), dialog.dismiss()))


def ask(page: Page, question: str) -> None:
    """Type a question and send it."""
    page.locator("#question textarea").fill(question)
    page.locator("#question textarea").press("Enter")


def answered(page: Page, number: int = 1) -> str:
    """The text of the answer of that number, once it is whole."""
    article = page.locator("#past article").nth(number - 1)
    article.wait_for()
    return article.locator(".said.model").inner_text()
