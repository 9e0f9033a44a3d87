"""The bytes and the text of one file, up to a size."""

from __future__ import annotations

import codecs
from pathlib import Path

from evalkit.errors import DataError, UserError, shown

__all__ = ["read_bytes", "read_text"]


def read_bytes(path: Path, most: int, *, refuse: type[UserError] = DataError, advice: str = "") -> bytes:
    """The bytes of a file; `refuse` where it cannot be read or holds more than `most`, with `advice` behind it."""
    try:
        with path.open("rb") as stream:
            raw = stream.read(most + 1)
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL or half a character in it
        reason = getattr(error, "strerror", None) or error
        raise refuse(f"{_place(path)}: cannot be read ({reason}){advice}") from error
    if len(raw) > most:
        raise refuse(f"{path}: larger than {most:,} bytes, which no such file is{advice}")
    return raw


def read_text(path: Path, most: int, *, refuse: type[UserError] = DataError, advice: str = "") -> str:
    """The text of a UTF-8 file, without a byte order mark, every line end as a newline; bounds as `read_bytes`."""
    raw = read_bytes(path, most, refuse=refuse, advice=advice)
    try:
        text = raw.removeprefix(codecs.BOM_UTF8).decode("utf-8")
    except UnicodeDecodeError as error:
        raise refuse(f"{path}: not UTF-8 (byte {error.start + 1:,}); convert the file{advice}") from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _place(path: Path) -> str:
    return str(path) if str(path).isprintable() else shown(str(path))
