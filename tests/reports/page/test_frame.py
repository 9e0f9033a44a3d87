"""The frame of the page as text: the same each time, its policy true, its words complete, nothing loaded."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import yaml

from evalkit.errors import UnknownNameError, UserError
from evalkit.reports import page as page_package
from evalkit.reports.page import LANGUAGES, Content, PageRun, content_of, is_page, labels_of, page_html, write_page
from tests.reports.page.grids import needle_run

PACKAGE = Path(page_package.__file__).parent
ASSETS = sorted((PACKAGE / "assets").iterdir())
TEMPLATES = sorted((PACKAGE / "templates").iterdir())
SOURCES = [*ASSETS, *TEMPLATES, *sorted(PACKAGE.glob("*.py"))]
HOSTILE = "T </title><script>x</script><!-- \" ' & {{7*7}} \u202e\u2028 \x00 \ud800 --> </style>"
PROGRAM = """
import hashlib
from evalkit.reports.page import content_of, page_html
from tests.reports.page.grids import needle_run
run = needle_run("a", lambda length, *_: length < 2000)
print(hashlib.sha256(page_html(content_of([run])).encode()).hexdigest())
"""


class Read(HTMLParser):
    """A page taken apart."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {"script": [], "style": [], "title": [], "data": []}
        self._inside = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note it, and where its text goes."""
        named = dict(attrs)
        self.tags.append((tag, named))
        self._inside = "data" if named.get("id") == "data" else tag if tag in self.texts else ""
        if self._inside:
            self.texts[self._inside].append("")

    def handle_endtag(self, tag: str) -> None:
        """Text belongs to nothing."""
        self._inside = "" if tag in self.texts else self._inside

    def handle_data(self, data: str) -> None:
        """Add it to the script, style or title."""
        if self._inside:
            self.texts[self._inside][-1] += data

    def meta(self, key: str, name: str) -> str:
        """Content of a meta element."""
        return next(each["content"] or "" for tag, each in self.tags if tag == "meta" and each.get(key) == name)

    @property
    def data(self) -> Any:
        """What scripts unpack."""
        return json.loads(gzip.decompress(base64.b64decode(self.texts["data"][0], validate=True)))


@pytest.fixture(scope="module")
def run() -> PageRun:
    """A needle grid."""
    return needle_run("a", lambda length, *_: length < 2000)


@pytest.fixture(scope="module")
def html(run: PageRun) -> str:
    """Its page."""
    return page_html(content_of([run]))


def test_the_same_runs_give_the_same_page(html: str) -> None:
    """In other processes, whatever the order of sets there."""
    found = set()
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parents[3])},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        found.add(done.stdout.strip())

    assert {hashlib.sha256(html.encode()).hexdigest()} == found


def test_the_policy_names_what_is_inside_and_nothing_else(html: str) -> None:
    """A digest for each script and style, no other source."""
    read = Read(html)
    policy = {
        words[0]: set(words[1:])
        for words in map(str.split, read.meta("http-equiv", "Content-Security-Policy").split("; "))
    }

    def digests(texts: list[str]) -> set[str]:
        return {f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in texts}

    assert {
        "default-src": {"'none'"}, "script-src": digests(read.texts["script"]), "base-uri": {"'none'"},
        "style-src": digests(read.texts["style"]), "form-action": {"'none'"}, "trusted-types": {"'none'"},
        "require-trusted-types-for": {"'script'"},
    } == policy  # fmt: skip


def test_nothing_is_loaded_from_anywhere(html: str) -> None:
    """No address but places in the page; links of a reader's own choice lead to https."""
    read = Read(html)
    loading = {"src", "srcset", "href", "xlink:href", "action", "formaction", "poster", "data", "background", "ping"}
    for tag, attributes in read.tags:
        for name in loading & attributes.keys():
            address = attributes[name] or ""
            assert address.startswith("#") or (tag == "a" and address.startswith("https://")), (tag, name, address)
        assert [] == [name for name in attributes if name == "style" or name.startswith("on")], (tag, attributes)
    assert not {"link", "iframe", "object", "embed", "base", "form", "img", "video", "audio"} & {
        t for t, _ in read.tags
    }
    assert None is re.search(r"@import|url\(|image-set\(", "".join(read.texts["style"]))


def test_the_data_is_whole(html: str, run: PageRun) -> None:
    """As it was packed, with the words of the language."""
    data = Read(html).data

    assert (dict(labels_of("en")), "en", 1) == (data["labels"], data["language"], data["schema"])
    assert (run.name, list(run.scores.tasks)) == (data["runs"][0]["name"], data["runs"][0]["tasks"])


@pytest.mark.parametrize("place", ["title", "name", "model"])
def test_names_of_others_change_no_element(run: PageRun, place: str) -> None:
    """The same elements as of a plain name; the name is there as text, with signs that act as escapes."""

    def page(name: str) -> Read:
        if place == "title":
            return Read(page_html(content_of([run], title=name)))
        if place == "name":
            return Read(page_html(content_of([replace(run, name=name)])))
        scores = run.scores.model_copy(update={"model_title": name})
        return Read(page_html(content_of([replace(run, scores=scores)])))

    plain, hostile = page("plain"), page(HOSTILE)

    assert [tag for tag, _ in plain.tags] == [tag for tag, _ in hostile.tags]
    assert [sorted(each) for _, each in plain.tags] == [sorted(each) for _, each in hostile.tags]
    shown = (r"{{7*7}} \u202e", r"\x00 \ud800 -->")
    if place == "title":
        assert all(part in hostile.texts["title"][0] for part in shown)


def test_a_page_is_known_by_its_beginning(tmp_path: Path, run: PageRun) -> None:
    """Also one with a long title; other HTML files are not taken for one."""
    path, other = tmp_path / "a.html", tmp_path / "b.html"
    write_page(path, content_of([run], title="long " * 5000))
    other.write_text("<!doctype html>\n<title>evalkit</title>")

    assert (True, False, False) == (is_page(path), is_page(other), is_page(tmp_path / "c.html"))


def test_a_page_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    """And nothing is left of it."""
    (tmp_path / "folder.html").mkdir()

    with pytest.raises(UserError, match=r"folder\.html: cannot be written"):
        write_page(tmp_path / "folder.html", Content("", [], []))
    assert [tmp_path / "folder.html"] == list(tmp_path.iterdir())


# What the page says.


def words_of(language: str) -> dict[str, dict[str, str]]:
    """File → its labels."""
    return {
        path.name: yaml.safe_load(path.read_text("utf-8")) or {}
        for path in sorted((PACKAGE / "labels" / language).glob("*.yaml"))
    }


def test_an_unknown_language_is_one_line() -> None:
    """With those that there are."""
    with pytest.raises(UnknownNameError, match="unknown language 'fr': there are: en, zh"):
        labels_of("fr")


def test_every_language_says_the_same() -> None:
    """The same files, keys and values to fill in; no key in two files."""
    expected = words_of("en")
    keys = [key for labels in expected.values() for key in labels]
    assert len(set(keys)) == len(keys)
    for language in LANGUAGES:
        found = words_of(language)
        assert {name: list(labels) for name, labels in expected.items()} == {
            name: list(labels) for name, labels in found.items()
        }
        for name, labels in expected.items():
            for key, text in labels.items():
                filled = [sorted(set(re.findall(r"\{(\w+)", each))) for each in (text, found[name][key])]
                assert filled[0] == filled[1], (language, key)


def test_the_chinese_words_are_chinese() -> None:
    """Names and signs aside."""
    english = {
        key: text
        for labels in words_of("zh").values()
        for key, text in labels.items()
        if re.search(r"\b[a-z]{4}", re.sub(r"\{\w*\}", "", text)) and not re.search(r"[\u4e00-\u9fff]", text)
    }

    assert {} == english


def test_every_word_is_defined_and_used() -> None:
    """In templates `t.key`, in scripts `Page.t("key")`, in Python `words["key"]`; or made of a beginning and a name."""
    texts = {path: path.read_text("utf-8") for path in SOURCES if path.is_file()}
    whole, known = "\n".join(texts.values()), set(labels_of("en"))
    asked = set(re.findall(r"""(?:\bPage\.t\(|\bwords\[|\bsay\((?:self\.)?words, )["'](\w+)["']""", whole))
    asked |= {key for path in TEMPLATES for key in re.findall(r"\bt\.(\w+)", texts[path])}
    asked |= {key for path in TEMPLATES for key in re.findall(r"\bt\['(\w+)'\]", texts[path])}
    beginnings = set(re.findall(r"""[`"'](\w+_)(?:\$?\{|' ~)""", whole))
    literal = set(re.findall(r"""["'`](\w+)["'`]""", whole))

    assert set() == asked - known
    assert set() == {
        key for key in known - asked - literal if not any(key.startswith(beginning) for beginning in beginnings)
    }


FORBIDDEN = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|createContextualFragment|parseFromString|setHTMLUnsafe|"
    r"\beval\(|new Function|setTimeout\(['\"`]|\bfetch\(|XMLHttpRequest|WebSocket|sendBeacon|EventSource|\bimport\(|"
    r"serviceWorker|createObjectURL|localStorage|sessionStorage|document\.cookie|javascript:"
)


@pytest.mark.parametrize("path", [path for path in ASSETS if path.suffix == ".js"], ids=lambda path: path.name)
def test_scripts_write_texts_as_texts_and_ask_for_nothing(path: Path) -> None:
    """No markup from text, no code from text, no request, nothing stored."""
    assert None is FORBIDDEN.search(path.read_text("utf-8"))


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_templates_escape_all_that_they_write(path: Path) -> None:
    """Only the frame's own styles, scripts and base64 are written as they are."""
    text = path.read_text("utf-8")

    assert [] == re.findall(r"\|\s*safe\b|autoescape|Markup|\sstyle=|\son\w+=", text)
    assert (4 if path.name == "page.html.j2" else 0) == len(re.findall(r"\|\s*own\b", text))


def test_styles_of_a_section_reach_no_other() -> None:
    """Every rule but the page's own and those of the root names the sections it is for."""
    styles = Read(page_html(Content("x", [], []))).texts["style"]
    own = (":root", ":where(#", "#samples", "#pairs", ".pairs-", "@")

    assert 6 == len(styles)
    for style in styles[1:]:
        rules = re.findall(r"([^{}]+)\{", re.sub(r"/\*.*?\*/", "", style, flags=re.DOTALL))
        selectors = [each.strip() for rule in rules for each in re.split(r",\s(?![^()]*\))", rule)]
        assert len(rules) > 20
        assert [] == [each for each in selectors if not each.startswith(own)]
