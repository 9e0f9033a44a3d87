"""One sample on the page: its link, keys, texts, marks and what was cut of its prompt."""

from __future__ import annotations

import json
import shlex
import time
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from evalkit.reports.page import Content
from tests.browser.conftest import OpenPage, until
from tests.browser.made_samples import FLAGS, TASKS, columns_of, content_of_samples, one_sample

if TYPE_CHECKING:
    from playwright.sync_api import Page

COLUMNS = columns_of(300, seed=3)
FIRST = f"sample/0/{quote('made/single/0', safe='')}"


@pytest.fixture(scope="module")
def one_run() -> Content:
    return content_of_samples({"it's a run": COLUMNS})


def heading(page: Page) -> str:
    return page.locator("#sample-heading").text_content() or ""


def texts(page: Page, block: str) -> list[str]:
    return page.locator(f".block.{block} .text").all_text_contents()


def test_a_link_opens_its_sample(open_page: OpenPage, one_run: Content) -> None:
    """Id, score, answer and gold answer are those of the sample that the fragment names."""
    page = open_page(one_run, f"sample/0/{quote('made/multi/124', safe='')}")

    assert "made/multi/124" == heading(page)
    assert "made/multi/124 · Samples" == page.title()
    assert [COLUMNS["targets"][124][0]] == texts(page, "gold")
    assert COLUMNS["answer"][124] == texts(page, "answer")[0]
    assert f"{COLUMNS['score'][124]:.2f}" == page.locator(".metric.main .number").text_content()
    assert [COLUMNS["head"][124], COLUMNS["tail"][124]] == texts(page, "prompt")


@pytest.mark.parametrize(
    "rest", ["0/made%2Fsingle%2F9998", "0/made%2Fsingle%2F0/3", "8/made%2Fsingle%2F0", "0", "0/%E0%A4%A"]
)
def test_a_link_to_no_sample_says_so(open_page: OpenPage, one_run: Content, rest: str) -> None:
    """An id, a draw or a run that the page does not have, and a link that was cut."""
    page = open_page(one_run, f"sample/{rest}")

    assert "No such sample" == heading(page)
    page.get_by_role("link", name="To the list of samples").click()
    assert "300 of 300 samples" == page.locator("#samples .count").text_content()


def test_keys_lead_from_the_list_to_a_sample_and_back(open_page: OpenPage, one_run: Content) -> None:
    """/ searches, arrows and j choose, Enter opens, j and k go through what was found, Esc comes back to the row."""
    page = open_page(one_run, "samples")
    page.keyboard.press("/")
    page.keyboard.type("straße")
    until(page, "location.hash.includes('q=')")
    found = [link.get_attribute("title") for link in page.locator(".row a").all()]

    page.keyboard.press("ArrowDown")
    page.keyboard.press("j")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_selector("#sample-heading")
    assert found[2] == heading(page)
    for key, place in [("j", 3), ("ArrowRight", 4), ("k", 3)]:
        page.keyboard.press(key)
        until(page, f"document.getElementById('sample-heading').textContent === {json.dumps(found[place])}")
    page.keyboard.press("Escape")
    page.wait_for_selector("#samples .list:not([hidden])")

    assert found[3] == page.evaluate("document.activeElement.title")
    assert "straße" == page.get_by_role("searchbox").input_value()


def test_back_leads_to_the_list_as_it_was_left(open_page: OpenPage, one_run: Content) -> None:
    """Filter and scroll position are kept, however many samples were looked at in between."""
    page = open_page(one_run, "samples?below=50")
    page.evaluate("document.querySelector('.scroller').scrollTop = 900")
    page.wait_for_timeout(50)
    row = page.locator(".row a").nth(12)
    title = row.get_attribute("title")
    row.click()
    page.wait_for_selector("#sample-heading")
    assert title == heading(page)
    page.get_by_role("link", name="Next").click()
    until(page, f"document.getElementById('sample-heading').textContent !== {json.dumps(title)}")

    page.go_back()
    page.wait_for_selector("#samples .list:not([hidden])")

    assert page.url.endswith("#samples?below=50")
    assert 900 == page.evaluate("document.querySelector('.scroller').scrollTop")
    page.go_forward()
    page.wait_for_selector("#samples .detail:not([hidden])")
    assert title != heading(page)


@pytest.mark.parametrize(
    ("text", "targets", "marked"),
    [
        ("It was Paris, not paris.", ["Paris"], ["Paris"]),  # the exact one, where there is one
        ("It was PARIS.", ["Paris"], ["PARIS"]),
        ("A Parisian in Paris", ["Paris"], ["Paris"]),  # not a part of another word
        ("1423 or 42", ["42"], ["42"]),
        ("他在北京开会", ["北京"], ["北京"]),
        ("a+b (c) a+b", ["a+b", "(c)"], ["a+b", "(c)", "a+b"]),
        ("old town hall", ["old town", "town hall"], ["old town hall"]),
        ("İstanbul is IT", ["it"], ["IT"]),
        ("nothing", ["gold", ""], []),
    ],
)
def test_gold_answers_are_marked(open_page: OpenPage, text: str, targets: list[str], marked: list[str]) -> None:
    """In the answer, and in the ends of the prompt."""
    page = open_page(content_of_samples({"run": one_sample(answer=text, head=text, targets=targets)}), FIRST)

    assert marked == page.locator(".block.answer mark").all_text_contents()
    assert marked == page.locator(".block.prompt mark").all_text_contents()
    assert [text] == texts(page, "answer")


def test_hidden_characters_are_shown_by_their_numbers(open_page: OpenPage) -> None:
    """Controls, turned directions and fillers are boxes with a code point; joined emoji and new lines stay."""
    answer = "a\x00\x00b\u202egold\u202cc\u200bd\x1b[31m\u2028e \U0001f469\u200d\U0001f4bb\ttab\nline <b>x</b>"
    page = open_page(content_of_samples({"run": one_sample(answer=answer)}), FIRST)

    shown = "aU+0000 × 2bU+202EgoldU+202CcU+200BdU+001B[31mU+2028e \U0001f469\u200d\U0001f4bb\ttab\nline <b>x</b>"
    assert [shown] == texts(page, "answer")
    assert ["gold"] == page.locator(".block.answer mark").all_text_contents()
    assert 0 == page.locator(".block.answer b").count()
    assert ("isolate", "pre-wrap") == tuple(
        page.locator(".block.answer .text").evaluate(
            "text => [getComputedStyle(text).unicodeBidi, getComputedStyle(text).whiteSpace]"
        )
    )


@pytest.mark.parametrize("answer", ["x" * 1_000_000, "lorem ipsum " * 90_000, "\x00\u202e" * 200_000])
def test_a_huge_text_is_folded_and_does_not_freeze(open_page: OpenPage, answer: str) -> None:
    """Its beginning is shown; asked for, all of it, within two seconds."""
    page = open_page(content_of_samples({"run": one_sample(answer=answer)}), FIRST)
    assert len(texts(page, "answer")[0]) < 20_000

    start = time.monotonic()
    page.get_by_role("button", name="Show all").click()
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    spent = time.monotonic() - start

    assert len(texts(page, "answer")[0]) >= len(answer)
    assert spent < 2


def test_a_shortened_text_says_how_much_is_left_out(open_page: OpenPage) -> None:
    """Both ends, and the characters between them that the page does not have."""
    page = open_page(content_of_samples({"run": one_sample(answer=["the start 😀", "the end", 12363])}), FIRST)

    assert ["the start 😀… 12,345 characters left out …the end"] == texts(page, "answer")


def test_what_was_cut_is_drawn_and_said(open_page: OpenPage) -> None:
    """Kept ranges and needles to scale, and the same in words."""
    flags = FLAGS["cut"] + FLAGS["lost"]
    sample = one_sample(
        before=8000, after=2000, kept=[0, 1000, 7000, 8000], needle=[800, 4000], flags=flags, head="h", tail="t"
    )
    page = open_page(content_of_samples({"run": sample}), FIRST)

    kept = page.locator(".tokens .kept").evaluate_all(
        "rects => rects.map(rect => ['x', 'width'].map(name => +rect.getAttribute(name)))"
    )
    assert [[0, 125], [875, 125]] == kept
    assert ["100", "500"] == page.locator(".tokens line").evaluate_all(
        "lines => lines.map(line => line.getAttribute('x1'))"
    )
    words = page.locator(".strip p").text_content() or ""
    assert "2,000 of 8,000 prompt tokens were sent; 6,000 were left out (75.0%)." in words
    assert "Kept: 0–1,000, 7,000–8,000." in words
    assert "Needle 1 began at token 800 (10.0% of the prompt), which was kept." in words
    assert "Needle 2 began at token 4,000 (50.0% of the prompt), which was left out." in words
    assert ["cut", "evidence lost"] == page.locator(".reasons .flag").all_text_contents()


def test_what_a_chat_format_adds_is_not_counted_as_sent_of_a_cut_text(open_page: OpenPage) -> None:
    """Some protocols cut the text before the chat format stands around it: more tokens are sent than the text had."""
    sample = one_sample(before=3510, after=3540, kept=[0, 1750, 1760, 3510], flags=FLAGS["cut"], head="h", tail="t")
    page = open_page(content_of_samples({"run": sample}), FIRST)

    words = page.locator(".strip p").text_content() or ""
    assert "3,500 of 3,510 prompt tokens were sent; 10 were left out (0.3%)." in words


def test_a_prompt_of_which_nothing_was_kept_is_not_called_whole(open_page: OpenPage) -> None:
    """Nor is its needle."""
    sample = one_sample(before=100, after=30, kept=[], needle=[50], flags=FLAGS["cut"], head="h", tail="t")
    page = open_page(content_of_samples({"run": sample}), FIRST)

    words = page.locator(".strip p").text_content() or ""
    assert "0 of 100 prompt tokens were sent; 100 were left out (100.0%)." in words
    assert "which was left out" in words


def test_every_flag_is_explained(open_page: OpenPage) -> None:
    """One sentence each, in English and in Chinese words of their own."""
    page = open_page(content_of_samples({"run": one_sample(flags=sum(FLAGS.values()))}), FIRST)

    told = page.locator(".reasons li").all_text_contents()
    assert len(FLAGS) == len(set(told))
    assert all(line.endswith(".") and "samples_" not in line and len(line) > 30 for line in told)


def test_the_command_is_quoted_and_copied_without_a_clipboard(open_page: OpenPage, one_run: Content) -> None:
    """A shell takes it apart into the same words; a browser without a clipboard selects it for the reader.

    A second one prints the whole prompt, of a sample that had one.
    """
    index = next(index for index, before in enumerate(COLUMNS["before"]) if before is not None)
    name = f"made/{TASKS[index % 3]}/{index}"
    page = open_page(one_run, f"sample/0/{quote(name, safe='')}")
    command, whole = page.locator(".command").all_text_contents()
    assert ["evalkit", "show", "runs/it's a run", name, "--full"] == shlex.split(command)
    assert ["evalkit", "show", "runs/it's a run", name, "--prompt"] == shlex.split(whole)

    page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    page.locator(".block.whole .copy-text").first.click()
    assert command == page.evaluate("window.getSelection().toString()")
    page.get_by_role("button", name="Copy link").click()
    assert page.url == page.evaluate("window.getSelection().toString()")


def test_other_runs_and_draws_of_the_sample_are_linked(open_page: OpenPage) -> None:
    """With their scores; a sample whose score differs says so."""
    left = {"task": [0, 0], "key": ["0", "0"], "draw": [0, 1], "score": [100.0, 25.0], "answer": ["a", "b"]}
    page = open_page(content_of_samples({"one": left, "two": one_sample(score=12.5)}, [{"left": 0, "right": 1}]), FIRST)

    assert ["two 12.50", "draw 1 25.00"] == page.locator(".others li").all_text_contents()
    assert "two has another score: 12.50." in (page.locator(".reasons").text_content() or "")
    page.get_by_role("link", name="draw 1").click()
    until(page, "document.getElementById('sample-heading').textContent.includes('draw 1')")
    assert ["b"] == texts(page, "answer")
    assert page.url.endswith("/1")


def test_reasoning_error_and_what_the_metric_saw_are_shown(open_page: OpenPage) -> None:
    """Reasoning is folded; an empty text that the metric saw is said to be empty; every metric has its score."""
    sample = one_sample(
        reasoning="thoughts", seen="", error="it broke", scores={"rougeL": 12.345}, steps=["step one", None], more=3
    )
    page = open_page(content_of_samples({"run": sample}), FIRST)

    assert not page.get_by_text("thoughts", exact=True).is_visible()
    page.get_by_text("Reasoning (8 characters)").click()
    assert page.get_by_text("thoughts", exact=True).is_visible()
    assert ["it broke"] == texts(page, "error")
    assert "it is empty" in (page.locator(".block.seen").text_content() or "")
    assert ["Answer of step 1step one", "Answer of step 2no answer"] == page.locator(".step-answer").all_text_contents()
    assert "and 3 more" in (page.locator(".block.gold").text_content() or "")
    assert ["accuracy50.00", "rougeL12.35"] == page.locator(".metric").all_text_contents()
