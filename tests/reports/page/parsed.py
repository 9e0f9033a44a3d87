"""What a page says, read by the standard library's HTML parser: tables cell by cell, links, and all that could run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser

from evalkit.reports.page import Content, PageRun, Part, page_html

__all__ = ["ParsedCell", "ParsedPage", "ParsedTable", "parsed"]

VOID = {"meta", "br", "input", "link", "img", "hr"}


@dataclass
class ParsedCell:
    """One cell of a table."""

    attributes: dict[str, str]
    text: str = ""
    href: str = ""
    rects: list[dict[str, str]] = field(default_factory=list)

    @property
    def value(self) -> float | None:
        """The number in full."""
        return float(self.attributes["data-value"]) if "data-value" in self.attributes else None

    @property
    def kinds(self) -> list[str]:
        """Classes."""
        return self.attributes.get("class", "").split()


@dataclass
class ParsedTable:
    """One table."""

    caption: str = ""
    rows: list[list[ParsedCell]] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)

    @property
    def headings(self) -> list[str]:
        return [cell.text for cell in self.rows[0]]

    @property
    def lines(self) -> dict[str, dict[str, ParsedCell]]:
        """Name of a row → heading → cell."""
        return {row[0].text: dict(zip(self.headings, row, strict=True)) for row in self.rows[1:]}


class ParsedPage(HTMLParser):
    """A page's tables, texts and elements."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tables: list[ParsedTable] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.items: list[tuple[dict[str, str], str, list[str]]] = []
        """Of each list item: attributes, text, addresses of links."""
        self.text = ""
        self._stack: list[str] = []
        self._cell: ParsedCell | None = None
        self._item: tuple[dict[str, str], list[str], list[str]] | None = None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attributes: Sequence[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attributes}
        self.elements.append((tag, found))
        if tag not in VOID:
            self._stack.append(tag)
        if tag == "table":
            self.tables.append(ParsedTable())
        elif tag == "tr":
            self.tables[-1].rows.append([])
            self.tables[-1].kinds.append(found.get("class", ""))
        elif tag in ("td", "th"):
            self._cell = ParsedCell(found)
            self.tables[-1].rows[-1].append(self._cell)
        elif tag == "li":
            self._item = (found, [], [])
        elif tag == "a" and "href" in found:
            if self._cell is not None:
                self._cell.href = found["href"]
            if self._item is not None:
                self._item[2].append(found["href"])

    def handle_startendtag(self, tag: str, attributes: Sequence[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attributes}
        self.elements.append((tag, found))
        if tag == "rect" and self._cell is not None:
            self._cell.rects.append(found)

    def handle_endtag(self, tag: str) -> None:
        if tag in self._stack:
            while self._stack.pop() != tag:
                pass
        if tag in ("td", "th"):
            self._cell = None
        elif tag == "li" and self._item is not None:
            attributes, texts, links = self._item
            self.items.append((attributes, " ".join("".join(texts).split()), links))
            self._item = None

    def handle_data(self, data: str) -> None:
        if "script" in self._stack or "style" in self._stack:
            return
        self.text += data
        if "caption" in self._stack and self.tables:
            self.tables[-1].caption += data
        if self._cell is not None:
            self._cell.text += data
        if self._item is not None:
            self._item[1].append(data)


def parsed(*parts: Part | None, runs: Sequence[PageRun] = (), language: str = "en") -> ParsedPage:
    """A page of these sections."""
    return ParsedPage(page_html(Content("made", [part for part in parts if part is not None], runs, language)))
