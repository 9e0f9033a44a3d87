"""From a file, or an upload, to its text."""

from __future__ import annotations

import hashlib
from pathlib import Path

from evalkit.errors import DataError, one_line

from ._document import Document

__all__ = ["LARGEST", "document_of", "read_document"]

LARGEST = 64 * 2**20
"""Bytes of a file: more is no document that a model reads."""


def read_document(path: Path) -> Document:
    """The document in a file; `DataError` for one that is missing, locked, too large, empty or no document."""
    try:
        return document_of(path.name, path.read_bytes())
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({one_line(error)})") from error


def document_of(name: str, data: bytes) -> Document:
    """The document in bytes that came under that name; `DataError` for what is empty, too large or no document."""
    return Document(name, data.decode("utf-8"), "text", "utf-8", hashlib.sha256(data).hexdigest())
