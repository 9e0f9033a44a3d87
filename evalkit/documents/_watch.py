"""A file that is read again when it changes."""

from __future__ import annotations

from pathlib import Path

from ._document import Document
from ._read import read_document

__all__ = ["WatchedDocument"]


class WatchedDocument:
    """The document in a file as it is now."""

    def __init__(self, path: Path) -> None:
        """`DataError` where it cannot be read."""
        self.path = path
        self.document: Document = read_document(path)
        """As it was last read."""

    def refresh(self) -> bool:
        """Read the file again where it changed; whether its text is another now.

        `DataError` where it is gone or cannot be read any more; `document` is then what it was.
        """
        found = read_document(self.path)
        is_other = found.text != self.document.text
        self.document = found
        return is_other
