"""From a file, or an upload, to its text."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from evalkit.errors import DataError
from evalkit.printable import amount, printable

from ._bytes import LARGEST, read_bytes
from ._document import Document
from ._encodings import decoded

__all__ = ["LARGEST", "document_in", "document_of", "read_document"]

LONGEST_NAME = 255  # characters


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
    text, encoding, notes = decoded(data, place)
    return Document(printable(name), text, "text", encoding, hashlib.sha256(data).hexdigest(), notes)
