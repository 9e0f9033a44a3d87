"""Questions, documents and settings on the chat's page, in a real browser."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from evalkit.chatting import Conversation
from evalkit.chatting.roleplay import Examples
from evalkit.documents import Document
from evalkit.errors import UserError
from evalkit.tasks.samples import Turn
from tests.browser.chat.conftest import Serve, Visit, answered, ask
from tests.browser.chat.scripted import Gate, needle_tiny, scripted

if TYPE_CHECKING:
    from playwright.sync_api import Page

PLANTED = "The locker that belongs to Mona has the number 39352."
QUESTION = "Which number has the locker that belongs to Mona?"
BEFORE = "The sailor and the baker sailed back to the city because the road was closed. "
BEHIND = "Nobody knew why the astronomer repaired the drum during the festival. "


def words(count: int) -> str:
    """So many different words."""
    return " ".join(f"w{number}" for number in range(count))


def test_a_document_is_uploaded_and_a_planted_sentence_found(serve: Serve, visit: Visit, tmp_path: Path) -> None:
    """The embedded model finds what stands in the uploaded document, and the second question uses its cache."""
    file = tmp_path / "lockers.txt"
    file.write_text(f"{BEFORE}{PLANTED} {BEHIND}")
    page = visit(serve(needle_tiny()))
    page.locator("#upload input[type=file]").set_input_files(file)
    page.locator("#document :text('lockers.txt')").wait_for()
    assert "tokens" in page.locator("#document").inner_text()
    ask(page, QUESTION)
    assert "39352" in answered(page)
    ask(page, QUESTION)
    assert "39352" in answered(page, 2)
    foot = page.locator("#past article").nth(1).locator(".foot").inner_text()
    cached = re.search(r"([0-9,]+) of them cached", foot)
    assert cached is not None and int(cached[1]) > 0
    assert "first token" in foot


def test_the_first_piece_shows_while_the_rest_is_under_way(serve: Serve, visit: Visit) -> None:
    """An answer is streamed: what is there is shown before the model has said the rest."""
    gate = Gate()

    def script(_: str) -> Iterator[str]:
        yield "the first piece"
        gate.wait()
        yield " and the rest"

    model, _ = scripted(script)
    page = visit(serve(model))
    ask(page, "anything?")
    page.locator("#now .said.model:text('the first piece')").wait_for()
    assert page.locator("#past article").count() == 0
    gate.open()
    assert answered(page) == "the first piece and the rest"


def test_stop_ends_the_answer_in_the_engine(serve: Serve, visit: Visit) -> None:
    """The engine's iterator is closed, and what was said stays, marked as stopped."""
    gate = Gate()

    def script(_: str) -> Iterator[str]:
        yield "said so far"
        gate.wait()
        while True:
            yield "!"

    model, adapter = scripted(script)
    page = visit(serve(model))
    ask(page, "go on?")
    page.locator("#now .said.model:text('said so far')").wait_for()
    page.locator("#stop").click()
    page.locator("#now :text('stopping')").wait_for()
    gate.open()
    assert answered(page).startswith("said so far")
    assert "stopped" in page.locator("#past .foot").inner_text()
    assert adapter.ended == 1


def test_a_closed_tab_ends_its_answer(serve: Serve, visit: Visit) -> None:
    """Nobody reads it any more: the next session's question is answered at once."""
    begun = threading.Event()

    def script(prompt: str) -> Iterator[str]:
        if "endless" in prompt:
            while True:
                begun.set()
                yield "x"
                time.sleep(0.01)
        yield "mine"

    model, adapter = scripted(script)
    address = serve(model)
    first = visit(address)
    ask(first, "endless?")
    assert begun.wait(20)
    first.close()
    second = visit(address)
    ask(second, "short?")
    assert answered(second) == "mine"
    assert adapter.ended == 1


def test_two_sessions_at_once_do_not_mix(serve: Serve, visit: Visit, tmp_path: Path) -> None:
    """Each has its document and conversation; the second waits for the first and says so."""
    gate = Gate()

    def script(prompt: str) -> Iterator[str]:
        yield "ants: " if "ants" in prompt else "bees: "
        gate.wait()
        yield f"{prompt.count('ants')} and {prompt.count('bees')}"

    model, adapter = scripted(script)
    address = serve(model)
    pages = []
    for name in ("ants", "bees"):
        page = visit(address)
        file = tmp_path / f"{name}.txt"
        file.write_text(f"{name} are here")
        page.locator("#upload input[type=file]").set_input_files(file)
        page.locator(f"#document :text('{name}.txt')").wait_for()
        pages.append(page)
    ask(pages[0], "what first?")
    pages[0].locator("#now .said.model:text('ants:')").wait_for()
    ask(pages[1], "what second?")
    pages[1].locator("#now :text('waiting: 1 question before this one')").wait_for()
    gate.open()
    assert answered(pages[0]) == "ants: 1 and 0"
    assert answered(pages[1]) == "bees: 0 and 1"
    ask(pages[0], "and then?")
    assert answered(pages[0], 2) == "ants: 2 and 0"  # its own document and its own answer before
    assert "second" not in adapter.prompts[-1]
    assert "bees.txt" not in pages[0].content()
    assert "what first" not in pages[1].content()


def test_the_cut_is_shown_in_the_document(serve: Serve, visit: Visit) -> None:
    """What truncation leaves out is marked between both seams, and the text on the page is the document's."""
    text = words(600)
    model, _ = scripted(lambda _: ["yes"], window=512)
    page = visit(serve(model, document=Document("words.txt", text)))
    page.locator("#facts :text('Left out')").wait_for()
    page.get_by_role("tab", name="Document and cut").click()
    assert page.locator("#cut .seam").count() == 2
    assert "".join(page.locator("#cut .text").all_text_contents()) == text
    asked = model.prepare(Conversation(Document("words.txt", text)), "")
    assert asked.cut is not None
    assert "".join(page.locator("#cut del").all_text_contents()) == text[asked.cut.start : asked.cut.stop]
    fold = page.locator("#cut .fold").first
    assert not fold.locator("del").is_visible()
    fold.locator("summary").click()
    assert fold.locator("del").is_visible()


def test_thoughts_stand_apart_and_folded(serve: Serve, visit: Visit) -> None:
    """Thoughts are no part of the answer."""
    model, _ = scripted(lambda _: ["think:let me see", "the answer"])
    page = visit(serve(model))
    ask(page, "why?")
    assert answered(page) == "the answer"
    thoughts = page.locator("#past .thoughts")
    assert not thoughts.locator(".text").is_visible()
    thoughts.locator("summary").click()
    assert thoughts.locator(".text").inner_text() == "let me see"


def test_a_new_conversation_forgets_and_keeps_the_document(serve: Serve, visit: Visit) -> None:
    """What was said before is not asked with the next question."""
    model, adapter = scripted(lambda _: ["certainly"])
    page = visit(serve(model, document=Document("a.txt", "the document")))
    ask(page, "first question?")
    answered(page)
    page.locator("#reset").click()
    page.locator("#past article").wait_for(state="detached")
    ask(page, "second question?")
    answered(page)
    assert "first question?" not in adapter.prompts[-1]
    assert "the document" in adapter.prompts[-1]


def test_errors_stand_on_the_page_in_one_line(serve: Serve, visit: Visit, tmp_path: Path) -> None:
    """A bad upload, a question that does not fit and a model that fails; the question stays in its box."""

    def script(_: str) -> Iterator[str]:
        yield "almost"
        raise RuntimeError("the device\nis gone")

    model, _ = scripted(script, window=128)
    page = visit(serve(model))
    empty = tmp_path / "picture.bin"
    empty.write_bytes(bytes(range(256)) * 64)
    page.locator("#upload input[type=file]").set_input_files(empty)
    line = page.locator("#problem .line")
    line.wait_for()
    assert "picture.bin" in line.inner_text()
    ask(page, "does it work?")
    page.locator("#past .problem").wait_for()
    assert page.locator("#past .problem").inner_text() == "the model failed: the device is gone"
    assert "Traceback" not in page.content()
    ask(page, "again?")
    page.locator("#past article").nth(1).wait_for()


def test_weights_that_cannot_be_read_are_one_line(serve: Serve, visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the head of the page and under the question; the next question tries again, and the head follows."""
    model, _ = scripted(lambda _: ["yes"])
    load = model.load

    def fail() -> None:
        raise UserError("needle-tiny: no weights\nin its folder")

    monkeypatch.setattr(model, "load", fail)
    page = visit(serve(model))
    page.locator("#status .problem").wait_for()
    ask(page, "anything?")
    page.locator("#past .problem").wait_for()
    for place in ("#status", "#past"):
        assert page.locator(f"{place} .problem").inner_text() == "needle-tiny: no weights in its folder"
    monkeypatch.setattr(model, "load", load)
    ask(page, "again?")
    page.locator("#past .said.model").wait_for()
    page.locator("#status :text('window 512 tokens')").wait_for()
    assert page.locator("#status .problem").count() == 0


UNDER_LABEL = """() => {
    const label = document.querySelector("#upload label"), said = document.createRange();
    said.selectNodeContents(document.querySelector("#upload [data-testid=upload-text]"));
    return said.getBoundingClientRect().top >= label.getBoundingClientRect().bottom;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [900, 1400])
def test_nothing_lies_over_anything_else(serve: Serve, visit: Visit, width: int, scheme: str) -> None:
    """Both columns stand side by side in every width and colour, and nothing is wider than the window."""
    model, _ = scripted(lambda _: ["word " * 200, "x" * 2000])
    page = visit(
        serve(model, document=Document("d" * 120 + ".txt", words(600))),
        viewport={"width": width, "height": 800}, color_scheme=scheme,
    )  # fmt: skip
    ask(page, "long " * 50)
    answered(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    left, right = (page.locator(name).bounding_box() for name in ("#left", "#right"))
    assert left is not None and right is not None
    assert left["x"] + left["width"] <= right["x"]
    page.get_by_role("tab", name="Document and cut").click()
    page.locator("#cut .seam").first.wait_for()
    for name in ("#question textarea", "#ask", "#stop", "#reset"):
        box = page.locator(name).bounding_box()
        assert box is not None and box["y"] + box["height"] <= 800
        middle = [box["x"] + box["width"] / 2, box["y"] + box["height"] / 2]
        assert page.evaluate("([x, y, name]) => !!document.elementFromPoint(x, y).closest(name)", [*middle, name]), name
    assert page.evaluate(UNDER_LABEL)
    background = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
    assert (sum(background[:3]) < 200) == (scheme == "dark")


DIALOGUES = "user: Where do you live?\nHana: In the lighthouse.\n---\nuser: What do you eat?\nHana: Seaweed and rice.\n"


def test_the_nearest_examples_of_role_play_are_shown_and_asked(serve: Serve, visit: Visit, tmp_path: Path) -> None:
    """An uploaded file of dialogues becomes turns before the question, and those that were chosen stand beside it."""
    model, adapter = scripted(lambda _: ["In the lighthouse, as ever."])
    page = visit(serve(model))
    file = tmp_path / "Hana.txt"
    file.write_text(DIALOGUES)
    page.locator("#role").get_by_text("Role play by examples").click()
    page.locator("#dialogues input[type=file]").set_input_files(file)
    page.locator("#role-name :text('2 examples')").wait_for()
    ask(page, "Where do you live now?")
    answered(page)
    shown = page.locator("#past .examples").inner_text()
    assert "Where do you live?" in shown and "In the lighthouse." in shown
    assert adapter.prompts[-1].index("In the lighthouse.") < adapter.prompts[-1].index("Where do you live now?")


def test_examples_without_room_are_left_out(serve: Serve, visit: Visit) -> None:
    """The farthest first, until the document is whole; the page says how many."""
    text = words(70)
    turns = (Turn("Where do you sail with the baker?", "far " * 400), Turn("Where do you sail?", "To the island."))
    model, adapter = scripted(lambda _: ["Away."])
    page = visit(serve(model, document=Document("words.txt", text), examples=Examples("role.jsonl", turns)))
    ask(page, "Where do you sail?")
    answered(page)
    assert page.locator("#past .examples summary").inner_text() == (
        "1 of the 2 nearest examples shown to the model: no room for the rest"
    )
    assert (
        text in adapter.prompts[-1] and "To the island." in adapter.prompts[-1] and "far far" not in adapter.prompts[-1]
    )
    ask(page, "Where do you sail with the baker" + " and the sailor" * 80 + "?")
    answered(page, 2)
    second = page.locator("#past article").nth(1)
    assert (
        second.locator(".line").inner_text() == "0 of the 2 nearest examples shown to the model: no room for the rest"
    )
    assert second.locator(".examples").count() == 0


def test_a_question_is_asked_under_the_rope_condition_of_the_page(serve: Serve, visit: Visit) -> None:
    """Beyond the length that the model was made for, where it changes the answer; a wrong one is one line."""
    document = Document("lockers.txt", f"{BEFORE * 40}{PLANTED} {BEFORE * 40}")
    expected = {}
    for spec in ("native", "dynamic:2"):
        alone = needle_tiny(2048, rope=spec, max_new_tokens=24)
        asked = alone.prepare(Conversation(document), QUESTION)
        assert asked.cut is None and len(asked.prompt.ids) > 1024
        *_, reply = alone.ask(asked)
        expected[spec] = reply.text
    assert expected["native"] != expected["dynamic:2"]

    page = visit(serve(needle_tiny(2048, is_rope_free=True, max_new_tokens=24), document=document))
    page.locator("#rope-panel").get_by_text("RoPE", exact=True).click()
    for spec in ("native", "dynamic:2"):
        page.locator("#rope input, #rope textarea").first.fill(spec)
        ask(page, QUESTION)
        assert answered(page) == expected[spec]
        assert spec in page.locator("#facts").inner_text()
        page.locator("#reset").click()
        page.locator("#past article").wait_for(state="detached")
    page.locator("#rope input, #rope textarea").first.fill("spiral:2")
    ask(page, QUESTION)
    page.locator("#problem .problem").wait_for()
    line = page.locator("#problem").inner_text()
    assert "spiral" in line and "\n" not in line.strip()
    assert page.locator("#question textarea").input_value() == QUESTION


def test_an_answer_is_saved_as_a_sample(serve: Serve, visit: Visit, tmp_path: Path) -> None:
    """In the file that was named at the start, or as a download where none was; a path is never the page's."""
    samples = tmp_path / "samples.jsonl"
    for place in (samples, None):
        model, _ = scripted(lambda _: ["39353"])
        page = visit(serve(model, document=Document("a.txt", PLANTED), samples=place))
        ask(page, QUESTION)
        answered(page)
        page.get_by_text("Save the last answer as a sample").click()
        page.locator("#gold textarea, #gold input").first.fill("39352")
        if place is None:
            page.locator("#save").click()
            with page.expect_download() as download:
                page.locator("#saved a").click()
            download.value.save_as(tmp_path / "downloaded.jsonl")
        else:
            page.locator("#save").click()
            page.locator("#saved :text('added to samples.jsonl')").wait_for()
    first, second = (json.loads((tmp_path / name).read_text()) for name in ("samples.jsonl", "downloaded.jsonl"))
    assert first == second
    assert (first["input"], first["instructions"], first["outputs"]) == (PLANTED, [QUESTION], ["39352"])


def choose(page: Page, place: int, value: str) -> None:
    """Write one number of the sampling; a panel that has just been opened may write its own value over it once."""
    box = page.locator("#sampling input").nth(place)
    box.fill(value)
    box.press("Tab")
    page.wait_for_timeout(300)
    if box.input_value() != value:
        box.fill(value)
        box.press("Tab")


def test_a_sampling_that_cannot_be_is_one_line(serve: Serve, visit: Visit) -> None:
    """What cannot be is one line on the page, and the question is still in its box."""
    page = visit(serve(needle_tiny()))
    page.get_by_text("Sampling").first.click()
    choose(page, 0, "1")
    choose(page, 1, "0")
    ask(page, QUESTION)
    page.locator("#problem .problem").wait_for()
    assert "top-p" in page.locator("#problem").inner_text()
    choose(page, 1, "1")
    choose(page, 0, "-1")
    page.locator("#ask").click()
    page.locator("#problem :text('temperature -1')").wait_for()
    assert page.locator("#question textarea").input_value() == QUESTION
