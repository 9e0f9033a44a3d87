"""Lines of JSON that carry a checksum, so that a line which a disk or an editor changed is never taken for what it was.

{"id": "toy/tales/0", "text": "word7", "crc32": "5e0cf4a1"}
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any

__all__ = ["CHECKSUM", "checked_line", "checksum_of", "is_intact"]

CHECKSUM = "crc32"
"""The last field of a line: CRC-32 (as zlib and gzip compute it) of the line as it would be without this field."""

_KEY = b', "crc32": "'
_DIGITS = 8


def checksum_of(entry: Mapping[str, Any]) -> str:
    """The checksum of what an object says, however it is laid out in its file; a checksum in it is passed over."""
    rest = {name: value for name, value in entry.items() if name != CHECKSUM}
    return _hexadecimal(zlib.crc32(_text(rest)))


def checked_line(entry: Mapping[str, Any]) -> bytes:
    """The object as one line of JSON with its checksum, a line end behind it; `ValueError` for what JSON lacks."""
    text = _text(entry)
    return text[:-1] + _KEY + _hexadecimal(zlib.crc32(text)).encode() + b'"}\n'


def is_intact(line: bytes) -> bool:
    """Whether the line is as `checked_line` made it; lines without a checksum, which older releases wrote, are too.

    A line that was laid out anew by another program is intact where it still says the same.
    """
    head, sign, tail = line.rstrip().rpartition(_KEY)
    if sign and len(tail) == _DIGITS + 2:
        # Quotes inside texts are escaped, so these bytes cannot be a part of an answer.
        if _hexadecimal(zlib.crc32(b"}", zlib.crc32(head))).encode() + b'"}' == tail:
            return True
    elif b'"crc32"' not in line:
        return True
    try:
        entry = json.loads(line)
        return not isinstance(entry, dict) or CHECKSUM not in entry or checksum_of(entry) == entry[CHECKSUM]
    except (ValueError, RecursionError):
        return False


def _text(entry: Mapping[str, Any]) -> bytes:
    return json.dumps(entry, ensure_ascii=False, allow_nan=False).encode("utf-8")


def _hexadecimal(checksum: int) -> str:
    return f"{checksum:0{_DIGITS}x}"
