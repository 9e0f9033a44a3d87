"""Tables in a browser: sorting, filtering, keyboard, narrow screens, print, and what stands there without scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from evalkit.reports.page import Content, labels_of
from evalkit.reports.page._published import published_part
from evalkit.reports.page._scores import scores_part
from evalkit.reports.page._summary import summary_part
from evalkit.scores import OverallScore
from tests.browser.conftest import OpenPage, until
from tests.reports.page.made_runs import made_run, made_scores, made_task, means_of

if TYPE_CHECKING:
    from playwright.sync_api import Page

VALUES = {"b": 9.5, "a10": 10.25, "a9": None, "c": 9.5, "ä": 100.0, "z": 0.0}
ROWS = "#scores tbody:not(.ends) tr:not([hidden]) th"
ENDS = "#scores tbody.ends tr:not([hidden]) th"


def content(count: int = 0, language: str = "en") -> Content:
    """Scores of these tasks, with further ones for a long table."""
    tasks = {name: made_task(score=value, ci95=None) for name, value in VALUES.items()}
    tasks |= {f"more{place}": made_task(score=50.0 + place / 100) for place in range(count)}
    overall = OverallScore(score=20.0, rule="mean")
    run = made_run(made_scores(tasks, groups={"g": means_of([*tasks])}, overall=overall))
    words = labels_of(language)
    parts = [
        summary_part([run], words, is_published=False),
        scores_part([run], words),
        published_part([], ["leval"], words, is_published=False),
    ]
    return Content("tables", [part for part in parts if part is not None], [run], language)


def names(page: Page, which: str = ROWS) -> list[str]:
    """First cells of the rows shown."""
    return [text.strip() for text in page.locator(which).all_inner_texts()]


def test_numbers_sort_by_their_full_value(open_page: OpenPage) -> None:
    """Upwards, downwards, as it was; a missing one is last both ways, equal ones keep their order, means stay below."""
    page = open_page(content(), "scores")
    button = page.locator("#scores thead button").nth(1)
    seen = []

    for _ in range(3):
        button.click()
        seen.append(
            (names(page), page.locator("#scores thead th").nth(1).get_attribute("aria-sort"), names(page, ENDS))
        )

    ends = ["Group g", "overall"]
    assert seen == [
        (["z", "b", "c", "a10", "ä", "a9"], "ascending", ends),
        (["ä", "a10", "b", "c", "z", "a9"], "descending", ends),
        ([*VALUES], "none", ends),
    ]


def test_texts_sort_as_people_sort_them(open_page: OpenPage) -> None:
    """By the language, numbers inside by their value; another column's order is forgotten."""
    page = open_page(content(), "scores")
    buttons = page.locator("#scores thead button")

    buttons.nth(1).click()
    buttons.nth(0).click()

    assert ["ä", "a9", "a10", "b", "c", "z"] == names(page)
    sorts = page.locator("#scores thead th").evaluate_all("all => all.map((each) => each.getAttribute('aria-sort'))")
    assert ["ascending", "none", "none", None, "none", "none"] == sorts


def test_the_keyboard_sorts_and_filters(open_page: OpenPage) -> None:
    """Tab reaches the filter, the table and each heading; Enter sorts."""
    page = open_page(content(10), "scores")

    page.locator("#scores input").focus()
    page.keyboard.type("MORE3")
    filtered = names(page)
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    assert ["more3"] == filtered
    assert "ascending" == page.locator("#scores thead th").nth(1).get_attribute("aria-sort")
    assert ["z", "b", "c", "a10"] == names(page)[:4]


def test_a_filter_counts_what_it_shows(open_page: OpenPage) -> None:
    """Only above long tables; sorting keeps what is hidden hidden."""
    page = open_page(content(10), "scores")
    short = open_page(content(), "scores")

    page.locator("#scores input").fill("more")
    page.locator("#scores thead button").nth(1).click()
    page.locator("#scores thead button").nth(1).click()

    assert [f"more{place}" for place in range(9, -1, -1)] == names(page)
    assert [] == names(page, ENDS)
    assert "10 of 18 rows" == page.locator("#scores [role=status]").inner_text()
    assert 0 == short.locator("#scores input").count()


@pytest.mark.parametrize("section", ["summary", "scores", "published"])
def test_a_narrow_screen_scrolls_tables_and_not_the_page(open_page: OpenPage, section: str) -> None:
    """At 360 px each table moves in its own box, its first column in place."""
    page = open_page(content(), section, viewport={"width": 360, "height": 740})

    assert 360 >= page.evaluate("document.documentElement.scrollWidth")
    box = page.locator(f"#{section} .scroll").first
    box.evaluate("box => { box.scrollLeft = 120; }")
    left = box.locator("tbody th").first.evaluate("cell => cell.getBoundingClientRect().left")
    assert 20 > left - box.evaluate("box => box.getBoundingClientRect().left")


def test_tables_stand_there_without_scripts(open_page: OpenPage) -> None:
    """All numbers, groups and overall, and nothing that would need a script."""
    page = open_page(content(14), "scores", java_script_enabled=False)

    assert 22 == page.locator("#scores tbody tr").count()
    assert 0 == page.locator("#scores button").count()
    assert page.locator("#summary .big").first.is_visible()
    assert page.locator("#published table").first.is_visible()


def test_what_is_folded_is_printed(open_page: OpenPage) -> None:
    """Details open for the printer and close behind it."""
    page = open_page(content(), "summary")
    folded = "document.querySelectorAll('main details:not([open])').length"
    page.locator("details.recipe > summary").click()

    assert 1 == page.evaluate(folded)
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert 0 == page.evaluate(folded)
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert 1 == page.evaluate(folded)


def test_commands_can_be_copied(open_page: OpenPage) -> None:
    """Word for word."""
    page = open_page(content(), "summary", permissions=["clipboard-read", "clipboard-write"])

    page.locator("button.copy").first.click()

    until(page, "document.querySelector('button.copy').textContent === 'Copied'")
    assert "evalkit score /nowhere/run" == page.evaluate("navigator.clipboard.readText()")


def test_both_themes_can_be_read(open_page: OpenPage) -> None:
    """Text against its ground has a contrast of 4.5 at least, in light and in dark."""
    contrast = """() => {
      const light = (text) => {
        const [r, g, b] = text.match(/[\\d.]+/g).map((part) => {
          const share = Number(part) / 255;
          return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
      };
      const ground = (node) => {
        for (let each = node; each; each = each.parentElement) {
          const colour = getComputedStyle(each).backgroundColor;
          if (!colour.startsWith("rgba(0, 0, 0, 0")) return colour;
        }
        return "rgb(255, 255, 255)";
      };
      const texts = [...document.querySelectorAll("main :is(td, th, li, p, small, strong, summary, pre)")];
      return Math.min(...texts.filter((each) => each.offsetParent && each.textContent.trim()).map((each) => {
        const [one, two] = [light(getComputedStyle(each).color), light(ground(each))].sort((a, b) => b - a);
        return (one + 0.05) / (two + 0.05);
      }));
    }"""
    for scheme in ("light", "dark"):
        for section in ("summary", "scores", "published"):
            page = open_page(content(), section, color_scheme=scheme)

            assert 4.5 <= page.evaluate(contrast), (scheme, section)
