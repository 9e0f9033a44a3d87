"""The report page in a real browser: the system's Chromium, driven by playwright, from a file and without a network.

Run by `make test-browser`; skipped where playwright or Chromium is missing.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

    from evalkit.reports.page import Content

HERE = Path(__file__).parent
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-first-run",
)  # fmt: skip
SETTLED = "document.documentElement.classList.contains('ready') || !document.getElementById('problem').hidden"

OpenPage = Callable[..., "Page"]


def chromium() -> str | None:
    """The browser: `EVALKIT_CHROMIUM`, or one that is found on the path."""
    return os.environ.get("EVALKIT_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lies in this folder, and skip it where there is no browser."""
    is_missing = importlib.util.find_spec("playwright") is None or chromium() is None
    items.sort(key=lambda item: HERE in item.path.parents)  # last: playwright's event loop runs until the session ends
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.browser)
            if is_missing:
                item.add_marker(pytest.mark.skip(reason="needs a browser (make test-browser)"))


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium(), args=QUIET)
        yield launched
        launched.close()


@dataclass
class Watched:
    """A page that is open, and all that it did that a report page must not do."""

    context: BrowserContext
    address: str
    expected: Sequence[str]
    """Parts of console messages and errors that the test is about."""
    faults: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        """Note requests, errors, dialogs and windows from now on."""
        self.context.on("request", lambda request: self._asked(request.url))
        self.context.on("page", lambda opened: self.faults.append(f"window: {opened.url}"))
        page.on("console", lambda message: self._said(message.type, message.text))
        page.on("pageerror", lambda error: self._said("error", str(error)))
        page.on("dialog", self._answer)

    def _asked(self, address: str) -> None:
        if address.partition("#")[0] != self.address:
            self.faults.append(f"request: {address[:200]}")

    def _said(self, kind: str, text: str) -> None:
        if kind in ("error", "warning") and not any(part in text for part in self.expected):
            self.faults.append(f"{kind}: {text}")

    def _answer(self, dialog: Any) -> None:
        self.faults.append(f"dialog: {dialog.message}")
        dialog.dismiss()


@pytest.fixture
def open_page(browser: Browser, tmp_path: Path) -> Iterator[OpenPage]:
    """Opener of a page from its file: `open_page(content, "samples?task=trec", color_scheme="dark")`.

    It takes a `Content`, which is written to a file first, or the path of a page. Further arguments are the browser
    context's own (viewport, color_scheme, java_script_enabled…). The page comes back when its first section is drawn.
    At the end of the test no page may have asked for anything but its file, complained on the console, thrown, opened a
    window or shown a dialog; what a test provokes on purpose it names by a part of the message: `expected=("…",)`.
    """
    opened: list[Watched] = []

    def show(what: Content | Path, fragment: str = "", *, expected: Sequence[str] = (), **options: Any) -> Page:
        path = what if isinstance(what, Path) else _written(what, tmp_path / f"page-{len(opened)}.html")
        context = browser.new_context(**options)
        watched = Watched(context, path.as_uri(), expected)
        opened.append(watched)
        page = context.new_page()
        watched.watch(page)
        page.goto(path.as_uri() + (f"#{fragment}" if fragment else ""))
        if options.get("java_script_enabled", True):
            page.wait_for_function(SETTLED)
        return page

    yield show
    for watched in opened:
        watched.context.close()
    assert [] == [fault for watched in opened for fault in watched.faults]


def _written(content: Content, path: Path) -> Path:
    from evalkit.reports.page import write_page

    write_page(path, content)
    return path
