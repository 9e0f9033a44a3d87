"""The watcher of pages sees what it is there to see."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.browser.conftest import Chromium, OpenPage, Watched, kill_browsers

PAGE = "<!doctype html><html class='ready'><body><p id='problem' hidden></p><script>{script}</script></body></html>"


@pytest.mark.parametrize(
    ("script", "fault"),
    [
        ("console.error('broken')", "broken"),
        ("throw new Error('thrown')", "thrown"),
        ("alert('asked')", "dialog: asked"),
        ("new Image().src = 'file:///nowhere/image.png'", "request: file:///nowhere/image.png"),
        ("window.open('about:blank')", "window: about:blank"),
    ],
)
def test_what_a_page_must_not_do_is_noticed(
    open_page: OpenPage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, fault: str
) -> None:
    """Complaints, errors, dialogs, requests and windows."""
    path, seen = tmp_path / "faulty.html", list[Watched]()
    path.write_text(PAGE.format(script=script), encoding="utf-8")
    watch = Watched.watch
    monkeypatch.setattr(Watched, "watch", lambda watched, page: (seen.append(watched), watch(watched, page))[1])

    page = open_page(path)
    page.wait_for_timeout(100)

    assert any(fault in each for each in seen[0].faults), seen[0].faults
    seen[0].faults.clear()  # they were meant: the fixture need not complain of them


def test_a_browser_that_is_killed_is_started_again(one_chromium: Chromium) -> None:
    """What waits for the killed one raises the error for which `make test-browser` runs a test once more."""
    from playwright.sync_api import Error

    page = one_chromium.browser().new_page()
    threading.Timer(0.5, kill_browsers).start()

    with pytest.raises(Error) as caught:
        page.evaluate("() => new Promise(() => {})")

    assert "TargetClosedError" == type(caught.value).__name__
    fresh = one_chromium.browser().new_page()
    assert 2 == fresh.evaluate("1 + 1")
    fresh.close()
