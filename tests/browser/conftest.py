"""The report page in a real browser: the system's Chromium, driven by playwright, from a file and without a network.

Run by `make test-browser`; skipped where playwright or Chromium is missing.
"""

from __future__ import annotations

import contextlib
import importlib.util
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.chromium import chromium
from tests.browser.made import plain_answers, score_folder

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page, Playwright

    from evalkit.reports.page import Content

HERE = Path(__file__).parent
QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-first-run",
)  # fmt: skip
LONGEST_TEST = 90
"""Seconds; the slowest test takes twenty where the processors are busy."""
SETTLED = "html.ready, #problem:not([hidden])"

OpenPage = Callable[..., "Page"]


def until(page: Page, condition: str, seconds: float = 10) -> None:
    """Wait until an expression holds in the page; playwright's own way evaluates texts, which the policy forbids."""
    end = time.monotonic() + seconds
    while not page.evaluate(condition):
        assert time.monotonic() < end, f"not within {seconds:g} s: {condition}"
        page.wait_for_timeout(20)


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
def playwright() -> Iterator[Playwright]:
    """Playwright's driver."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        yield started


class Chromium:
    """One Chromium for many tests, started again where it is gone: one that is old stops drawing for ever at times."""

    def __init__(self, playwright: Playwright) -> None:
        self._playwright = playwright
        self._browser: Browser | None = None

    def browser(self) -> Browser:
        if self._browser is None or not self._browser.is_connected():
            self._browser = self._playwright.chromium.launch(executable_path=chromium(), args=QUIET)
        return self._browser

    def close(self) -> None:
        if self._browser is not None:
            self._browser.close()


@pytest.fixture(scope="module")
def one_chromium(playwright: Playwright) -> Iterator[Chromium]:
    """What starts the browser."""
    one = Chromium(playwright)
    yield one
    one.close()


@pytest.fixture
def browser(one_chromium: Chromium) -> Iterator[Browser]:
    """The browser. One that keeps a test waiting for too long is killed, so that the test fails, and runs again."""
    watch = threading.Timer(LONGEST_TEST, kill_browsers)
    watch.start()
    yield one_chromium.browser()
    watch.cancel()


def kill_browsers() -> None:
    """Kill every Chromium below this process; what waits for one then raises `TargetClosedError`."""
    import psutil

    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if "--headless" in child.cmdline() or "chrom" in child.name():
                child.kill()


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
    context's own (viewport, color_scheme, java_script_enabled…); `before` is a script that runs first. The page comes
    back when its first section is drawn.
    At the end of the test no page may have asked for anything but its file, complained on the console, thrown, opened a
    window or shown a dialog; what a test provokes on purpose it names by a part of the message: `expected=("…",)`.
    """
    opened: list[Watched] = []

    def show(
        what: Content | Path, fragment: str = "", *, expected: Sequence[str] = (), before: str = "", **options: Any
    ) -> Page:
        path = what if isinstance(what, Path) else _written(what, tmp_path / f"page-{len(opened)}.html")
        context = browser.new_context(**options)
        watched = Watched(context, path.as_uri(), expected)
        opened.append(watched)
        page = context.new_page()
        watched.watch(page)
        if before:
            page.add_init_script(before)
        page.goto(path.as_uri() + (f"#{fragment}" if fragment else ""))
        if options.get("java_script_enabled", True):
            page.wait_for_selector(SETTLED, state="attached")
        return page

    yield show
    for watched in opened:
        if browser.is_connected():
            watched.context.close()
    assert [] == [fault for watched in opened for fault in watched.faults]


def _written(content: Content, path: Path) -> Path:
    from evalkit.reports.page import write_page

    write_page(path, content)
    return path


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two folders of scores with the same samples."""
    place = tmp_path_factory.mktemp("scored")
    return [score_folder(place / name, plain_answers(side)) for side, name in enumerate(("ant", "bee"))]


@pytest.fixture(scope="session")
def written(folders: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page over both."""
    from evalkit.reports.page import content_of, read_runs

    return _written(content_of(read_runs(folders)), tmp_path_factory.mktemp("page") / "page.html")
