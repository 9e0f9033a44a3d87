"""From bytes to text, in whichever encoding they are."""

from __future__ import annotations

import codecs
import re
from typing import NamedTuple

from charset_normalizer import from_bytes

from evalkit.errors import DataError

__all__ = ["Decoded", "decoded"]

MARKS = (  # UTF-32 first: its mark begins with that of UTF-16
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
GUESSED = (
    "gb18030", "big5", "cp950", "big5hkscs", "cp932", "shift_jis", "euc_jp", "iso2022_jp", "cp949", "euc_kr",
    "cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "koi8_r", "iso8859_2", "latin_1",
)  # fmt: skip
CONTROLS = re.compile("[\x00-\x08\x0e-\x19\x1c-\x1f\x7f-\x9f\ufdd0-\ufdef\ufffe\uffff]")


class Decoded(NamedTuple):
    """A text, and how it was read."""

    text: str
    """With every line end as a newline, otherwise as it was."""
    encoding: str
    notes: tuple[str, ...] = ()


def decoded(data: bytes, place: str) -> Decoded:
    """The text of these bytes; `DataError` where they are no text, or one whose encoding cannot be told."""
    found = _marked(data, place) or _unmarked(data, place)
    return found._replace(text=found.text.replace("\r\n", "\n").replace("\r", "\n"))


def _marked(data: bytes, place: str) -> Decoded | None:
    for mark, encoding in MARKS:
        if data.startswith(mark):
            try:
                return Decoded(data[len(mark) :].decode(encoding), encoding)
            except UnicodeDecodeError as error:
                raise DataError(
                    f"{place}: begins as {encoding.upper()} and is not at byte {len(mark) + error.start + 1:,}; "
                    "get the file again, or save it as UTF-8"
                ) from error
    return None


def _unmarked(data: bytes, place: str) -> Decoded:
    if b"\0" not in data:
        try:
            return Decoded(data.decode("utf-8"), "utf-8")
        except UnicodeDecodeError:
            pass
    best = from_bytes(data, cp_isolation=list(GUESSED)).best()
    if best is None:
        raise DataError(f"{place}: is no text, or in an encoding that cannot be told; save it as UTF-8")
    return Decoded(data.decode(best.encoding), best.encoding, (f"read as {best.encoding}, which is a guess",))
