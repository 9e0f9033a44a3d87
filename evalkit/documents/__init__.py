"""Documents of users: a file's text, whatever its encoding or format, and whether it changed since it was read."""

from ._bytes import read_bytes
from ._document import Document
from ._read import LARGEST, document_of, read_document
from ._watch import WatchedDocument

__all__ = ["LARGEST", "Document", "WatchedDocument", "document_of", "read_bytes", "read_document"]
