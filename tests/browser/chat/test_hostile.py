"""Texts that would act if the page took them for more than text, in every place where one can stand."""

from __future__ import annotations

from pathlib import Path

from evalkit.documents import Document
from tests.browser.chat.conftest import Serve, Visit, ask
from tests.browser.chat.scripted import scripted
from tests.browser.hostile import MARK, PAYLOADS, visible_parts

MANY = [each.encode("utf-8", "replace").decode() for each in PAYLOADS if len(each) < 10_000]
"""No text that was decoded holds half a surrogate pair."""
RIGHT_TO_LEFT = "safe\u202etxt.exe \u2066\u200b\x1b[31m"


def unharmed(page: object) -> bool:
    """Whether nothing of a hostile text ran or became an element."""
    return page.evaluate("!window.__pwned && !document.querySelector('[pwned]')")  # type: ignore[attr-defined]


def test_hostile_texts_are_shown_as_text(serve: Serve, visit: Visit) -> None:
    """Answers, thoughts, questions, documents and their names: each payload stands there, and none acts."""
    text = "\n".join(MANY)
    model, _ = scripted(lambda _: ["think:" + text, *(f"{each}\n" for each in MANY)], window=100_000)
    page = visit(serve(model, document=Document(MARK + RIGHT_TO_LEFT, text, notes=(MARK,)), system=MARK))
    assert MARK in page.locator("#document").inner_text()
    ask(page, text)
    article = page.locator("#past article")
    article.wait_for()
    for place in (".said.user", ".said.model", ".thoughts .text"):
        shown = article.locator(place).text_content() or ""
        for payload in MANY:
            for part in visible_parts(payload):
                assert part in shown, (place, payload)
    page.get_by_role("tab", name="Document and cut").click()
    for fold in page.locator("#cut summary").all():
        fold.click()
    shown = "".join(page.locator("#cut .text").all_text_contents())
    for payload in MANY:
        assert all(part in shown for part in visible_parts(payload)), payload
    page.mouse.move(300, 300)
    assert unharmed(page)


def test_signs_that_turn_or_hide_are_shown_by_number(serve: Serve, visit: Visit) -> None:
    """Escapes of a terminal and marks of direction neither act nor vanish."""
    model, _ = scripted(lambda _: [RIGHT_TO_LEFT])
    page = visit(serve(model))
    ask(page, RIGHT_TO_LEFT)
    page.locator("#past article").wait_for()
    expected = r"safe\u202etxt.exe \u2066\u200b\x1b[31m"
    assert page.locator("#past .said.model").inner_text() == expected
    assert page.locator("#past .said.user").inner_text() == expected


def test_markdown_and_formulas_stay_signs(serve: Serve, visit: Visit) -> None:
    """No image is loaded, no link made, no formula set."""
    said = "![x](https://example.org/x.png) [y](https://example.org) $$\\frac{1}{2}$$ **bold** https://example.org"
    model, _ = scripted(lambda _: [said])
    page = visit(serve(model))
    ask(page, "what?")
    page.locator("#past article").wait_for()
    assert page.locator("#past .said.model").inner_text() == said
    assert page.locator("#past img, #past a, #past .katex, #past strong").count() == 0


def test_a_hostile_file_name_is_a_name(serve: Serve, visit: Visit, tmp_path: Path) -> None:
    """In the list of documents and in errors."""
    model, _ = scripted(lambda _: ["yes"])
    page = visit(serve(model))
    name = "<img pwned src=x onerror=window.__pwned=1>.txt"
    (tmp_path / name).write_text("text")
    page.locator("#upload input[type=file]").set_input_files(tmp_path / name)
    page.locator("#document b").wait_for()
    assert page.locator("#document b").inner_text().endswith(".txt")
    assert unharmed(page)


def test_a_large_answer_is_bounded(serve: Serve, visit: Visit) -> None:
    """The page shows a million characters of an answer and says how many more there are."""
    model, _ = scripted(lambda _: ["x" * 3_000_000])
    page = visit(serve(model))
    ask(page, "how long?")
    page.locator("#past .said.model").wait_for()
    shown = page.locator("#past .said.model").text_content() or ""
    assert shown.count("x") == 1_000_000
    assert "2,000,000 more characters" in shown
