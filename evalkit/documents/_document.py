"""The record of a document that was read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Document"]


@dataclass(frozen=True, slots=True)
class Document:
    """The text of one file."""

    name: str
    """Name of the file, without its folder."""
    text: str
    """All of its text."""
    kind: Literal["text", "pdf", "docx"] = "text"
    """Format it was read from."""
    encoding: str | None = None
    """Encoding of a text file; None for other formats."""
    digest: str = ""
    """sha256 of the file's bytes."""
    notes: tuple[str, ...] = ()
    """What the user should know of how it was read: pages without text, a guessed encoding."""
