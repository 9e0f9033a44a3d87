"""Hostile texts everywhere in a page: nothing runs, nothing is asked for, everything is shown as text."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote

import pytest

from evalkit.reports.page import PageRun, content_of, page_html, read_runs, write_page
from tests.browser.conftest import OpenPage, Watched
from tests.browser.hostile import BREAKER, MARK, NAMES, PAYLOADS, hostile_runs, visible_parts
from tests.browser.made import score_folder

INTRUDERS = (
    "[pwned], main script, main style, iframe, object, embed, img, video, audio, base, link, math, "
    "foreignObject, a[href^='java'], [onerror], [onload], [onfocus], [style*='example.org']"
)
QUIET = (
    f"window.__pwned === undefined && ({{}}).polluted === undefined && !document.querySelector({json.dumps(INTRUDERS)})"
)


@pytest.fixture(scope="module")
def runs() -> list[PageRun]:
    """Two runs with hostile names and texts."""
    return hostile_runs()


@pytest.fixture(scope="module")
def page_file(runs: list[PageRun], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Their page; its title is hostile too."""
    path = tmp_path_factory.mktemp("hostile") / "page.html"
    write_page(path, content_of(runs, title=NAMES[-1] + MARK + BREAKER))
    return path


def test_the_corpus_is_large_and_acts() -> None:
    """At least 60 different texts; most would make an element or run where they are taken for markup."""
    assert 60 <= len(set(PAYLOADS))
    assert 45 <= sum("pwned" in payload for payload in PAYLOADS)


@pytest.mark.parametrize("beginning", ["<img", "<svg", "<iframe pwned srcdoc", "</script>"])
def test_the_texts_act_where_they_are_markup(
    open_page: OpenPage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, beginning: str
) -> None:
    """Written into a page as it is, the same text is seen: if it were quiet, the tests below would prove nothing."""
    watched, path = list[Watched](), tmp_path / "markup.html"
    watch = Watched.watch
    monkeypatch.setattr(Watched, "watch", lambda each, page: (watched.append(each), watch(each, page))[1])
    body = next(payload for payload in PAYLOADS if payload.startswith(beginning))
    path.write_text(f"<html class=ready><body><p id=problem hidden></p>{body}", encoding="utf-8")

    page = open_page(path)
    page.wait_for_timeout(200)

    assert not page.evaluate(QUIET) and page.evaluate("window.__pwned === 1")
    watched[0].faults.clear()  # they were meant


def test_every_section_of_a_hostile_page_is_quiet(open_page: OpenPage, page_file: Path) -> None:
    """Summary, tables, heatmaps, curves, samples, pairs; in print as well."""
    page = open_page(page_file)
    for name in page.evaluate("Page.names()"):
        page.evaluate(f"Page.go('{name}')")
        page.wait_for_selector(f"#{name}:not([hidden])", state="attached")
        page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
        assert (name, True) == (name, page.evaluate(QUIET))
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    page.mouse.move(300, 300)
    page.mouse.click(300, 300)

    assert page.evaluate(QUIET)


def test_every_hostile_sample_is_shown_as_text(open_page: OpenPage, page_file: Path, runs: list[PageRun]) -> None:
    """Its answer and gold answer stand there, letter by letter; nothing acts, nothing hangs."""
    page = open_page(page_file, "samples")
    for index, run in enumerate(runs):
        for each in run.samples:
            address = f"sample/{index}/{quote(each.sample.id.encode('utf-8', 'replace').decode(), safe='')}"
            page.evaluate("(route) => Page.go(route)", address)
            page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
            text = page.evaluate("document.getElementById('samples').textContent")
            for shown in (each.sample.targets[0], each.answers[0] or each.error or ""):
                missing = [part for part in visible_parts(shown) if part not in text]
                assert [] == missing, (each.sample.id[:80], shown[:80])
            assert page.evaluate(QUIET), each.sample.id[:80]


def test_names_that_objects_have_are_names(open_page: OpenPage, page_file: Path) -> None:
    """`__proto__` and `constructor` are tasks with samples of their own."""
    page = open_page(page_file)
    for task in ("__proto__", "constructor", "toString"):
        page.evaluate("(route) => Page.go(route)", f"samples?task={task}")
        page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
        assert task in page.evaluate("document.getElementById('samples').textContent")
        assert page.evaluate(QUIET)


def test_a_search_for_a_hostile_text_finds_it(open_page: OpenPage, page_file: Path) -> None:
    """What is searched for stands in the fragment and in a field, and is marked in what is found."""
    page = open_page(page_file)
    for payload in (PAYLOADS[0], PAYLOADS[10], "{{7*7}}", "\u202e", "(", "[", "\\", "__proto__", "%", "&q=x#y"):
        page.evaluate("(route) => Page.go(route)", f"samples?q={quote(payload, safe='')}")
        page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 50)))")
        assert page.evaluate(QUIET), payload


def test_hostile_files_are_read_into_a_quiet_page(open_page: OpenPage, tmp_path: Path) -> None:
    """From predictions on disk to the browser: the whole way, with a folder whose name acts."""
    texts = [payload for payload in PAYLOADS if "\ud800" not in payload]
    name = '<img src=x onerror=window.__pwned=1> & "quotes" \'n #1'
    folder = score_folder(tmp_path / name, {"hotpotqa": [(text, text) for text in texts]})
    page = open_page(content_of(read_runs([folder])), "samples")
    assert page.evaluate(QUIET)
    for place in range(0, len(texts), 5):
        page.evaluate("(route) => Page.go(route)", f"sample/0/longbench%2Fhotpotqa%2F{place}")
        page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
        text = page.evaluate("document.getElementById('samples').textContent")
        assert [] == [part for part in visible_parts(texts[place]) if part not in text], place
        assert page.evaluate(QUIET), place


def test_the_same_elements_whatever_the_texts(runs: list[PageRun]) -> None:
    """No hostile text is in the HTML outside escapes: none of its tags is."""
    html = page_html(content_of(runs, title=NAMES[-1]))

    assert "<img" not in html and "<svg pwned" not in html and "<script pwned" not in html
