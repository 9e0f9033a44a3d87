"""The frame of the page in a browser: what is shown when, themes, keys, scrolling, print, and what goes wrong."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from evalkit.reports.page import content_of, labels_of, read_runs, write_page
from tests.browser.conftest import OpenPage, until

NAMES = ["summary", "scores", "heatmaps", "curves", "samples", "pairs"]
SHOWN = "[...document.querySelectorAll('main > section')].filter((each) => !each.hidden).map((each) => each.id)"
GROUND = "getComputedStyle(document.body).backgroundColor"
WHITE, BLACK = "rgb(255, 255, 255)", "rgb(20, 23, 27)"
POLICY = "Content Security Policy"


def test_one_section_is_shown_at_a_time(open_page: OpenPage, written: Path) -> None:
    """The one that the fragment names, chosen in the bar; back and forward go through them."""
    page = open_page(written)
    first = page.evaluate("Page.names()")
    for name in first[1:]:
        page.click(f"#sections a[href='#{name}']")
        until(page, f"Page.shown() === '{name}'")
        assert [name] == page.evaluate(SHOWN)
        assert page.inner_text("#sections a[aria-current]") in page.title()
    for name in reversed(first[:-1]):
        page.go_back()
        until(page, f"Page.shown() === '{name}'")

    assert first[:1] == page.evaluate(SHOWN)


@pytest.mark.parametrize("fragment", ["nowhere", "__proto__", "constructor?a=%", "samples2", "?", "/"])
def test_an_unknown_fragment_shows_the_first_section(open_page: OpenPage, written: Path, fragment: str) -> None:
    """Also names that every object of JavaScript has."""
    page = open_page(written, fragment)

    assert page.evaluate("Page.names()")[:1] == page.evaluate(SHOWN)


@pytest.mark.parametrize(
    "fragment", ["sample/0/%E0%A4%A", "sample/9/x", "sample/0/", "sample/x/y/z", "samples?run=7&q=%"]
)
def test_a_link_to_no_sample_shows_the_samples(open_page: OpenPage, written: Path, fragment: str) -> None:
    """A link that was cut or is of another page; the bar still works."""
    page = open_page(written, fragment)

    assert ["samples"] == page.evaluate(SHOWN)
    page.click("#sections a[href='#scores']")
    until(page, "Page.shown() === 'scores'")


def test_a_page_opens_from_a_path_with_any_signs(open_page: OpenPage, written: Path, tmp_path: Path) -> None:
    """Blanks, quotes, number sign, percent, question mark, Chinese."""
    path = tmp_path / "a 'b' \"c\" #d %41 ? 报告" / "长 报告 #1.html"
    path.parent.mkdir()
    path.write_bytes(written.read_bytes())

    page = open_page(path, "scores")
    page.click("#sections a[href='#samples']")

    until(page, "Page.shown() === 'samples'")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_theme_follows_the_system_until_one_is_chosen(open_page: OpenPage, written: Path, scheme: str) -> None:
    """Auto, light, dark by button and by key; a new look at the file begins anew."""
    page = open_page(written, color_scheme=scheme)
    system = WHITE if scheme == "light" else BLACK
    assert system == page.evaluate(GROUND)

    for name, ground in (("light", WHITE), ("dark", BLACK), ("auto", system)):
        page.click(f"#theme button[value={name}]")
        assert (ground, name) == (page.evaluate(GROUND), page.get_attribute("#theme [aria-pressed=true]", "value"))
    page.keyboard.press("t")
    assert WHITE == page.evaluate(GROUND)
    page.keyboard.press("t")
    page.reload()
    page.wait_for_selector("html.ready")
    assert system == page.evaluate(GROUND)


def test_the_whole_page_works_without_a_mouse(open_page: OpenPage, written: Path) -> None:
    """Skip link first, then the tools and the bar; digits go to sections, ? shows the keys and Escape hides them."""
    page = open_page(written)
    focus = "document.activeElement.id || document.activeElement.className || document.activeElement.value"
    page.keyboard.press("Tab")
    assert "skip" == page.evaluate(focus)
    page.keyboard.press("Enter")
    assert ("main", 1) == (page.evaluate(focus), len(page.evaluate(SHOWN)))

    page.keyboard.press("2")
    until(page, "Page.shown() === 'scores'")
    page.keyboard.press("?")
    assert page.is_visible("#help kbd >> text='?'")
    assert not page.is_visible("#help kbd >> text='j'")  # a key of another section
    page.keyboard.press("1")  # behind the list of keys nothing moves
    assert ["scores"] == page.evaluate(SHOWN)
    page.keyboard.press("Escape")
    assert not page.is_visible("#help")
    page.focus("#sections a[href='#curves']")
    page.keyboard.press("Enter")
    until(page, "Page.shown() === 'curves'")


def test_each_entry_of_the_history_keeps_its_place(open_page: OpenPage, written: Path) -> None:
    """Back and forward return to where one was; another section begins at its top."""
    page = open_page(written, "summary", viewport={"width": 900, "height": 300})
    page.evaluate("for (const each of document.querySelectorAll('main > section')) each.style.minHeight = '3000px'")
    page.evaluate("window.scrollTo(0, 700)")
    page.evaluate("Page.go('scores')")
    until(page, "Page.shown() === 'scores'")
    top = page.evaluate("window.scrollY")
    page.evaluate("window.scrollTo(0, 1200)")
    page.go_back()
    until(page, "Page.shown() === 'summary' && window.scrollY === 700")
    page.go_forward()
    until(page, "Page.shown() === 'scores' && window.scrollY === 1200")

    assert top < 100


def test_a_heading_stands_once(open_page: OpenPage, written: Path) -> None:
    """In the bar on a screen, above its section in print and without scripts."""
    sizes = "[...document.querySelectorAll('.heading')].map((each) => each.getBoundingClientRect().height)"
    page = open_page(written)
    assert 1 >= max(page.evaluate(sizes))

    page.emulate_media(media="print")
    assert 10 < min(height for height in page.evaluate(sizes) if height)
    assert not page.is_visible("#sections") and not page.is_visible("#tools")


def test_print_has_every_section_but_the_list_of_samples(open_page: OpenPage, written: Path) -> None:
    """On white, whatever the theme, and unfolded."""
    page = open_page(written, color_scheme="dark")
    page.click("#theme button[value=dark]")
    page.emulate_media(media="print")
    visible = (
        "[...document.querySelectorAll('main > section')].filter((each) => each.offsetHeight).map((each) => each.id)"
    )

    assert [name for name in page.evaluate("Page.names()") if name != "samples"] == page.evaluate(visible)
    assert WHITE == page.evaluate(GROUND)
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert 0 == page.evaluate("document.querySelectorAll('main section:not([hidden]) details:not([open])').length")
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    page.emulate_media(media="screen")
    assert 1 == len(page.evaluate(SHOWN))
    assert page.pdf().startswith(b"%PDF")


def test_tables_are_there_without_scripts(open_page: OpenPage, written: Path) -> None:
    """Every section below the other with its heading, and a line that says what is lacking."""
    page = open_page(written, java_script_enabled=False)

    assert page.is_visible("#noscript")
    assert not page.is_visible("#tools")
    assert all(page.is_visible(f"#heading-{name}") for name in ("summary", "scores"))
    assert page.is_visible("#scores table")


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("damage", ["cut", "data", "old"])
def test_a_page_that_cannot_be_unpacked_says_so(
    open_page: OpenPage, folders: list[Path], tmp_path: Path, language: str, damage: str
) -> None:
    """In its own language; the tables and the bar still work."""
    path = tmp_path / "damaged.html"
    write_page(path, content_of(read_runs(folders), language=language))
    text = path.read_text("utf-8")
    if damage == "cut":
        path.write_text(text[: text.index('<script id="data"') + 2000], "utf-8")
    if damage == "data":
        path.write_text(re.sub(r'(<script id="data"[^>]*>.{1000}).{8}', r"\1AAAAAAAA", text), "utf-8")

    page = open_page(path, before="delete window.DecompressionStream" if damage == "old" else "")

    words = labels_of(language)
    assert page.inner_text("#problem").startswith(words["problem_old" if damage == "old" else "problem_damaged"])
    page.click("#sections a[href='#scores']")
    page.wait_for_selector("#scores table")


@pytest.mark.parametrize("width", [360, 1400])
def test_no_section_is_wider_than_the_screen(open_page: OpenPage, written: Path, width: int) -> None:
    """What is wider scrolls in a box of its own."""
    page = open_page(written, viewport={"width": width, "height": 700})
    for name in page.evaluate("Page.names()"):
        page.evaluate(f"Page.go('{name}')")
        until(page, f"Page.shown() === '{name}'")
        assert (name, True) == (name, page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


def test_a_long_title_leaves_room_for_the_page(open_page: OpenPage, folders: list[Path]) -> None:
    """Three lines of it, the whole when pointed at."""
    title = "LongBench " * 80 + "x" * 500
    page = open_page(content_of(read_runs(folders), title=title), viewport={"width": 360, "height": 700})

    assert page.eval_on_selector("h1", "(each) => each.clientHeight") < 100
    assert title == page.get_attribute("h1", "title")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize(
    "attempt",
    [
        "const each = document.createElement('script'); each.append('window.__pwned = 1'); document.body.append(each)",
        "document.body.innerHTML = '<b>x</b>'",
        "document.body.setAttribute('onclick', 'window.__pwned = 1'); document.body.click()",
        "eval('window.__pwned = 1')",
        "setTimeout('window.__pwned = 1')",
        "new Image().src = 'data:image/gif;base64,R0lGODlhAQABAAAAACw='",
        "new Worker(URL.createObjectURL(new Blob(['postMessage(1)'])))",
        "const each = document.createElement('iframe'); each.src = 'data:text/html,x'; document.body.append(each)",
        "const each = document.createElement('style'); each.append('body {color: red}'); document.body.append(each)",
        "fetch('file:///etc/hostname')",
        "const each = document.createElement('base'); each.href = 'https://example.org/'; document.head.append(each)",
        "const each = document.createElement('form'); each.action = '#x'; document.body.append(each); each.submit()",
    ],
)
def test_the_policy_allows_nothing_but_the_scripts_of_the_page(
    open_page: OpenPage, written: Path, attempt: str
) -> None:
    """No further script, style, image, frame or worker, from text, data: or blob:; no markup from text."""
    assert f'http-equiv="{POLICY.replace(" ", "-")}"' in written.read_text("utf-8")[:2000]
    page = open_page(written, expected=(POLICY, "TrustedHTML", "TrustedScript", "Failed to fetch"))
    page.evaluate("window.violations = 0; addEventListener('securitypolicyviolation', () => { violations += 1; })")

    page.evaluate(f"() => setTimeout(() => {{ try {{ {attempt} }} catch (error) {{ }} }})")  # else as a debugger might

    until(page, "violations > 0")
    assert page.evaluate("window.__pwned === undefined && !document.querySelector('body > b')")
    assert page.evaluate("getComputedStyle(document.body).color") != "rgb(255, 0, 0)"
