"""A file that is read again when it changes."""

from __future__ import annotations

import hashlib
from pathlib import Path

from evalkit.errors import EvalkitError

from ._bytes import read_bytes, stamp_of
from ._document import Document
from ._read import document_in

__all__ = ["WatchedDocument"]


class WatchedDocument:
    """The document in a file as it is now."""

    def __init__(self, path: Path) -> None:
        """`DataError` where it cannot be read."""
        self.path = path
        data, stamp = read_bytes(path)
        self.document: Document = document_in(data, path.name, str(path))
        """As it was last read."""
        self._digest = self.document.digest
        self._seen = stamp if stamp.is_settled else None
        self._refusal: EvalkitError | None = None

    def refresh(self) -> bool:
        """Read the file again where it changed; whether its text is another now.

        Nothing is read where its size, its time and its place on the disk are the same, and nothing made of what was
        read where the bytes are. `DataError` where it is gone or cannot be read any more; `document` is then what it
        was.
        """
        if self._seen is None or stamp_of(self.path) != self._seen:
            data, stamp = read_bytes(self.path)
            self._seen = stamp if stamp.is_settled else None
            if hashlib.sha256(data).hexdigest() != self._digest:
                return self._take(data)
        if self._refusal is not None:
            raise self._refusal.with_traceback(None)
        return False

    def _take(self, data: bytes) -> bool:
        self._digest = hashlib.sha256(data).hexdigest()
        try:
            found = document_in(data, self.path.name, str(self.path))
        except EvalkitError as error:
            self._refusal = error
            raise
        self._refusal = None
        is_other = found.text != self.document.text
        self.document = found
        return is_other
