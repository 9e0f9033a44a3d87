"""What stands on the page: the texts themselves, in elements of the page's own and no others."""

from __future__ import annotations

import base64
from html.parser import HTMLParser

import pytest

from evalkit.chatting import Cut, Gap, Reply
from evalkit.documents import Document
from evalkit.models import Completion
from evalkit.printable import printable, printable_lines
from evalkit.tasks.samples import Turn
from evalkit.web import _views
from evalkit.web._views import Exchange, cut_view, document_view, download_view, exchange_view, facts_view, title_view

HOSTILE = """</div></del><script pwned>x()</script><img pwned src=x onerror="x()" alt='&amp;'>\u202e\x1b[31m{{x}}"""
OWN = {"a", "article", "b", "details", "div", "del", "dl", "dt", "dd", "h1", "i", "li", "ol", "p", "span", "summary"}


class Seen(HTMLParser):
    """Elements and texts as a browser takes them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text = ""
        """All texts."""
        self.tags: set[str] = set()
        """Names of the elements."""
        self.attributes: set[str] = set()
        """Names of their attributes."""
        self.classes: dict[str, str] = {}
        """Class → the texts in elements of it."""
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == [], "an element is not closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self._open.append(dict(attrs).get("class") or "")

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002
        self._open.pop()

    def handle_data(self, data: str) -> None:
        self.text += data
        for name in {name for names in self._open for name in names.split()}:
            self.classes[name] = self.classes.get(name, "") + data


@pytest.mark.parametrize(
    "html",
    [
        title_view(HOSTILE, HOSTILE, "problem"),
        document_view(Document(HOSTILE, "text", encoding=HOSTILE, notes=(HOSTILE,)), 3, HOSTILE),
        facts_view([(HOSTILE, HOSTILE)]),
        exchange_view(Exchange(HOSTILE, [Turn(HOSTILE, HOSTILE)], 1, HOSTILE, HOSTILE, HOSTILE, HOSTILE)),
        cut_view(HOSTILE * 3, Cut(9, 6, (Gap(len(HOSTILE), 2 * len(HOSTILE)),))),
        cut_view(HOSTILE * 100, None),
        download_view(printable(HOSTILE), HOSTILE.encode()),
    ],
)
def test_nothing_in_a_text_is_mark_up(html: str) -> None:
    """Wherever it stands: elements and attributes are the page's own, and the text is there whole."""
    seen = Seen(html)

    assert seen.tags <= OWN
    assert seen.attributes <= {"class", "dir", "role", "open", "download", "href"}
    assert HOSTILE[:60] in seen.text
    assert "\u202e" not in html and "\x1b" not in html


@pytest.mark.parametrize("length", [0, 1, 500, 1_000, 5_000])
@pytest.mark.parametrize("gaps", [(), ((0, 1),), ((0, 0.5),), ((0.2, 0.9),), ((0.1, 0.2), (0.5, 1)), ((0, 1), (1, 1))])
def test_a_cut_leaves_the_text_whole(length: int, gaps: tuple[tuple[float, float], ...]) -> None:
    """What is marked is what is left out; nothing is said twice or lost by folding."""
    text = "".join(chr(0x4E00 + place) for place in range(length))
    places = tuple(Gap(int(start * length), int(stop * length)) for start, stop in gaps)
    seen = Seen(cut_view(text, Cut(2, 1, places) if places else None))

    assert text == seen.classes.get("text", "")
    assert "".join(text[gap.start : gap.stop] for gap in places) == seen.classes.get("cut", "")


def test_a_cut_that_is_not_known_or_goes_beyond_is_said() -> None:
    """Above the text."""
    assert "does not tell which characters" in cut_view("text", Cut(2, 1, None))
    assert "of the conversation is left out too" in cut_view("text", Cut(2, 1, (Gap(0, 4),), is_beyond=True))
    assert "No document" in cut_view("", None)
    assert "All of the document" in cut_view("text", None)


def test_an_answer_stands_with_how_it_was_made() -> None:
    """Times beside that before the document was cached, tokens, and why it ended; an empty one is said so."""
    done = Completion(0, "", 3, "length", cached_tokens=90)
    foot = Seen(exchange_view(Exchange("q", reply=Reply("", None, done, 1_000, 0.25, 12.3, 2.0)))).classes["foot"]

    assert (
        "first token 0.25 s (2.00 s before the document was cached) · answer 12 s, 3 tokens · "
        "prompt 1,000 tokens, 90 of them cached · ended at the limit"
    ) == foot
    assert "the answer is empty" in exchange_view(Exchange("q", reply=Reply("", None, done, 1, None, 1.0)))
    failed = Reply("", None, Completion(0, finish_reason="error", error="gone"), 1, None, 1.0)
    assert "the answer is empty" not in exchange_view(Exchange("q", reply=failed, error="gone"))


@pytest.mark.parametrize(
    ("shown", "left_out", "said"),
    [
        (0, 0, ""), (1, 0, "1 nearest example shown to the model"),
        (2, 1, "2 of the 3 nearest examples shown to the model: no room for the rest"),
        (0, 1, "0 of the 1 nearest example shown to the model: no room for the rest"),
    ],
)  # fmt: skip
def test_examples_are_counted(shown: int, left_out: int, said: str) -> None:
    """Those that were shown and those that had no room."""
    seen = Seen(exchange_view(Exchange("?", [Turn("a", "b")] * shown, left_out)))

    assert f"?{said}{'ab' * shown}" == seen.text


def test_a_long_text_is_bounded() -> None:
    """And says how much more there is; signs that act are shown by number, lines stay lines."""
    assert "abcd<i class=more>… 1,000 more characters</i>" == _views.text_of("abcd" + "e" * 1_000, 4)
    assert "a\nb    c" == _views.text_of("a\r\nb\tc")
    assert printable_lines("\x1b") == _views.text_of("\x1b") != "\x1b"


def test_a_download_holds_the_bytes() -> None:
    """In the link itself."""
    data = bytes(range(256))
    address = download_view("a.jsonl", data).split('href="')[1].split('"')[0]

    assert data == base64.b64decode(address.partition(",")[2])
