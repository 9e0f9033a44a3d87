"""From a file, or an upload, to its text."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path, PurePath

from evalkit.errors import DataError
from evalkit.printable import amount, printable

from ._bytes import LARGEST, read_bytes
from ._document import Document
from ._encodings import decoded
from ._formats import Format, format_of
from ._parsed import parsed

__all__ = ["LARGEST", "document_in", "document_of", "read_document"]

LONGEST_NAME = 255  # characters
BLANKS = " \t\r\n\v\f\xa0\u3000\u200b\ufeff"


def read_document(path: Path) -> Document:
    """The document in a file; `DataError` for one that is missing, locked, too large, empty or no document."""
    data, _ = read_bytes(path)
    return document_in(data, path.name, str(path))


def document_of(name: str, data: bytes) -> Document:
    """The document in bytes that came under that name; `DataError` for what is empty, too large or no document.

    The name is only shown: of a path the last part is kept, and nothing is ever opened under it.
    """
    last = printable(re.split(r"[/\\]", name)[-1])[:LONGEST_NAME] or "document"
    if len(data) > LARGEST:
        raise DataError(f"{last}: {amount(len(data))}, a document has at most {amount(LARGEST)}; take a part of it")
    return document_in(data, last, last)


def document_in(data: bytes, name: str, place: str) -> Document:
    """The document in bytes; `place` is what errors call it."""
    if not data:
        raise DataError(f"{place}: is empty; name a file with text")
    kind = format_of(data, place)
    encoding: str | None = None
    if kind == "text":
        text, encoding, notes = decoded(data, place)
    else:
        text, notes = parsed(data, kind, place)
    if not text.strip(BLANKS):
        raise DataError(f"{place}: holds nothing but blanks; name a file with text")
    digest = hashlib.sha256(data).hexdigest()
    return Document(printable(name), text, kind, encoding, digest, (*_misnamed(name, kind), *notes))


def _misnamed(name: str, kind: Format) -> tuple[str, ...]:
    ending = PurePath(name).suffix[1:].lower()
    if kind == "text":
        return (f"is named {ending.upper()} and is text",) if ending in ("pdf", "docx", "doc") else ()
    return () if ending == kind else (f"is a {kind.upper()} file, whatever its name",)
