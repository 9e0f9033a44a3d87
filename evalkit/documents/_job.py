"""Reads the text of PDF and DOCX files, as the job of a sandbox: nothing of evalkit is imported.

A request is a letter (P = PDF, D = DOCX) and the file. An answer is a JSON object with `text` and `notes`, or with
`error`: what is wrong with the file, and what to do.
"""

from __future__ import annotations

import io
import itertools
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

UNPACKED_BYTES = 2**28  # of a DOCX with its pictures; 64 MiB of text and pictures hardly shrink
MOST_NAMED = 10  # pages of a note
SURROGATES = re.compile("[\x00\ud800-\udfff]")

WORDS = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
BLOCKS = {f"{WORDS}{name}" for name in ("sdt", "sdtContent", "ins", "moveTo", "customXml", "smartTag")}
INLINE = BLOCKS | {f"{WORDS}{name}" for name in ("hyperlink", "fldSimple", "dir", "bdo")}
PARAGRAPH, RUN, TABLE, ROW, CELL = (f"{WORDS}{name}" for name in ("p", "r", "tbl", "tr", "tc"))
BOX = f"{WORDS}txbxContent"
FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
NOTES = re.compile(r"/(footnotes|endnotes|comments)$")


class UnreadableError(Exception):
    """The file has no text that can be read; the message says why, and what to do."""


OURS = (UnreadableError, MemoryError, RecursionError)


def start() -> Callable[[bytes], bytes]:
    """What answers a request."""

    def read(request: bytes) -> bytes:
        reader = _pdf if request[:1] == b"P" else _docx
        try:
            text, notes = reader(io.BytesIO(memoryview(request)[1:]))
        except UnreadableError as error:
            return json.dumps({"error": str(error)}).encode()
        return json.dumps({"text": SURROGATES.sub("\ufffd", text), "notes": notes}, ensure_ascii=False).encode()

    return read


def _pdf(stream: io.BytesIO) -> tuple[str, list[str]]:
    """Pages in their order, a blank line between them."""
    import pypdf
    from pypdf.errors import DependencyError

    try:
        reader = pypdf.PdfReader(stream)
        if reader.is_encrypted and not reader.decrypt(""):
            raise UnreadableError("is encrypted; save it without its password: qpdf --decrypt --password=… FILE NEW")
        pages = list(reader.pages)
    except DependencyError as error:
        raise UnreadableError(f"is encrypted: {_reason(error)}; install that, or save it decrypted") from error
    except OURS:
        raise
    except Exception as error:  # pypdf raises whatever a damaged file makes it stumble over
        raise UnreadableError(f"is a damaged PDF ({_reason(error)}); get the file again, or print it anew") from error
    texts, empty, damaged = list[str](), list[int](), list[int]()
    for number, page in enumerate(pages, 1):
        try:
            text = page.extract_text()
        except OURS:
            raise
        except Exception:
            damaged.append(number)
            continue
        if text.strip():
            texts.append(text.strip("\n"))
        else:
            empty.append(number)
    return "\n\n".join(texts), _notes_of_pages(len(pages), empty, damaged, stream)


def _notes_of_pages(count: int, empty: list[int], damaged: list[int], stream: io.BytesIO) -> list[str]:
    """What the user should know; `UnreadableError` where no page has text."""
    notes = list[str]()
    if damaged:
        notes.append(f"{len(damaged):,} of {_pages(count)} cannot be read ({_named(damaged)}): the file is damaged")
    if empty:
        notes.append(f"{len(empty):,} of {_pages(count)} have no text ({_named(empty)}): scanned pages need OCR first")
    if not count:
        raise UnreadableError("is a PDF without pages; get the file again")
    if len(empty) + len(damaged) == count:
        advice = "get the file again" if damaged else "run text recognition on it (ocrmypdf FILE NEW)"
        raise UnreadableError(f"{'; '.join(notes)}; {advice}")
    if b"%%EOF" not in bytes(stream.getbuffer()[-1024:]):
        notes.append("the PDF ends before its end: text may be missing; get the file again")
    return notes


def _pages(count: int) -> str:
    return f"{count:,} page{'' if count == 1 else 's'}"


def _named(numbers: list[int]) -> str:
    listed = ", ".join(map(str, numbers[:MOST_NAMED]))
    return f"page{'' if len(numbers) == 1 else 's'} {listed}{', …' if len(numbers) > MOST_NAMED else ''}"


def _docx(stream: io.BytesIO) -> tuple[str, list[str]]:
    """Paragraphs and tables in their order, a line each, and a line for each row of a table."""
    import docx

    try:
        with zipfile.ZipFile(stream) as archive:
            unpacked = sum(each.file_size for each in archive.infolist())
        if unpacked > UNPACKED_BYTES:
            raise UnreadableError(f"unpacks to {unpacked / 1e6:,.0f} MB, which no document does; save it as text")
        document = docx.Document(stream)
        text = "\n".join(_blocks(document.element.body))
        kinds = {found[1] for each in document.part.rels.values() if (found := NOTES.search(each.reltype))}
    except OURS:
        raise
    except Exception as error:  # what zipfile, lxml and python-docx raise of a damaged file is no closed set
        raise UnreadableError(f"is a damaged DOCX ({_reason(error)}); get the file again, or save it anew") from error
    return text, [f"{kind} are left out; save it as text to ask about them" for kind in sorted(kinds)]


def _blocks(parent: Any) -> Iterator[str]:
    """Lines of a body, or of a cell."""
    for element in parent:
        if element.tag == PARAGRAPH:
            yield "".join(run.text for run in _runs(element))
            for box in _boxes(element):
                yield from _blocks(box)
        elif element.tag == TABLE:
            yield from ("\t".join(map(_cell, _inside(row, CELL))) for row in _inside(element, ROW))
        elif element.tag in BLOCKS:
            yield from _blocks(element)


def _runs(parent: Any) -> Iterator[Any]:
    """What is written in a paragraph, with what was inserted and without what was deleted under revision."""
    for element in parent:
        if element.tag == RUN:
            yield element
        elif element.tag in INLINE:
            yield from _runs(element)


def _boxes(paragraph: Any) -> Iterator[Any]:
    """Text boxes anchored in a paragraph, not the second form of each that is there for old programs."""
    for box in paragraph.iter(BOX):
        outer = itertools.takewhile(lambda each: each is not paragraph, box.iterancestors())
        if not any(each.tag in (FALLBACK, BOX) for each in outer):
            yield box


def _inside(parent: Any, tag: str) -> Iterator[Any]:
    for element in parent:
        if element.tag == tag:
            yield element
        elif element.tag in BLOCKS:
            yield from _inside(element, tag)


def _cell(cell: Any) -> str:
    """The text of a cell on one line."""
    return " ".join(" ".join(_blocks(cell)).split())


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
