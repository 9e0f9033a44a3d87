"""From bytes to text, in whichever encoding they are.

A byte order mark is believed, then UTF-8 where every byte is valid, then UTF-16 and UTF-32 where NULs show them. What
is left is a guess of charset-normalizer, which is told the encodings that documents have and overruled in three points:

- it takes the first of several encodings that fit equally well, by name: here the more common one wins;
- it reads an apostrophe or an umlaut among Latin letters as a character of Chinese or Japanese;
- it reads EUC-JP as GB 2312, which has the kana in the same places.

With them, of 100 documents of LongBench in Chinese 99 or 100 are read back from GB18030 and GBK, 12,000 characters or
50 of them, and of 90 in English with signs beyond ASCII 89 from Windows-1252.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
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
WIDE = ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be")
NAMES = {  # for people, the more common first
    "gb18030": "GB18030",
    "cp950": "Big5",
    "big5hkscs": "Big5-HKSCS",
    "cp932": "Shift-JIS",
    "euc_jp": "EUC-JP",
    "iso2022_jp": "ISO-2022-JP",
    "cp949": "EUC-KR",
    "cp1252": "Windows-1252",
    "cp1251": "Windows-1251",
    "cp1250": "Windows-1250",
    "iso8859_2": "ISO-8859-2",
    "koi8_r": "KOI8-R",
    "cp1253": "Windows-1253",
    "cp1254": "Windows-1254",
    "latin_1": "Latin-1",
}
COMMON = list(NAMES)
ASIAN = frozenset(COMMON[:5]) | {"cp949"}
TRIED = "UTF-8, UTF-16, UTF-32, GB18030, Big5, Shift-JIS, EUC-JP, EUC-KR, Windows-1250 to 1254, KOI8-R and Latin-1"
ADVICE = "save it as UTF-8, or convert it: iconv -f ENCODING -t UTF-8 FILE > NEW"

STRICT, LENIENT = 0.2, 0.6  # share of odd signs that charset-normalizer lets pass: its own default, and lists of codes
AS_CLEAN, AS_COHERENT = 0.005, 0.01  # differences in which its two measures tell nothing
CONTROLS = re.compile("[\x00-\x08\x0e-\x19\x1c-\x1f\x7f-\x9f\ue000-\uf8ff\ufdd0-\ufdef\ufffe\uffff]")
MOST_CONTROLS = 0.05  # of the characters; documents of LongBench have up to 0.012
SAMPLE_BYTES, CONTEXT_BYTES = 2**18, 2**15
SEEN = 2000  # characters at each end
IDEOGRAPHS = re.compile("[\u4e00-\u9fff\uac00-\ud7a3]")
FREQUENT = re.compile("[，。、的一是在不了有和人\u3041-\u30fe\uac00-\ud7a3]")
LEAST_FREQUENT = 0.02  # of the characters; bytes of ASCII in pairs are ideographs too, of rarer ones
KANA = re.compile("[\u3041-\u30fe]")
ALONE = re.compile(r"(?<=[a-zA-Z])[^\x00-\x7f](?![^\x00-\x7f])|(?<![^\x00-\x7f])[^\x00-\x7f](?=[a-z])")


class Decoded(NamedTuple):
    """A text, and how it was read."""

    text: str
    """With every line end as a newline, otherwise as it was."""
    encoding: str
    """Python's name of it."""
    notes: tuple[str, ...] = ()
    """What is not certain of it."""


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
                    f"{place}: begins as {encoding.upper()} and is none from byte {len(mark) + error.start + 1:,} on; "
                    "get the file again, or save it as UTF-8"
                ) from error
    return None


def _unmarked(data: bytes, place: str) -> Decoded:
    if (zero := data.find(0)) >= 0:  # line ends and blanks of UTF-16 have NULs, and no other text has
        if not _is_ascii_with_nuls(data) and (found := _wide(data)):
            return found
        raise DataError(f"{place}: is no text (byte {zero + 1:,} is a NUL); name a text, PDF or DOCX file")
    if found := _utf8(data, place) or _guessed(data):
        return found
    found = _wide(data)  # Chinese or Japanese without a blank or a line end has no NULs
    if found is not None and _count(FREQUENT, found.text) >= LEAST_FREQUENT * len(found.text):
        return found
    raise DataError(f"{place}: is no text, or in an encoding that cannot be told (none of {TRIED}); {ADVICE}")


def _wide(data: bytes) -> Decoded | None:
    """Text in UTF-16 or UTF-32 without a mark."""
    found = list[tuple[int, str, str]]()
    for encoding in WIDE:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if _is_writing(text):
            found.append((_beyond_ascii(text), encoding, text))
    if not found:
        return None
    _, encoding, text = min(found)  # in the wrong order of bytes a line end is no line end
    note = f"its encoding is a guess: {encoding.upper()}, without a byte order mark; if it reads wrong, {ADVICE}"
    return Decoded(text, encoding, (note,))


def _is_ascii_with_nuls(data: bytes) -> bool:
    """Whether NULs stand in plain ASCII, in pairs of which bytes are ideographs; in UTF-16 every second byte is one."""
    rest = data.replace(b"\0", b"")
    return 3 * len(rest) > 2 * len(data) and rest.isascii() and not CONTROLS.search(rest.decode("ascii"))


def _is_writing(text: str) -> bool:
    """Whether the characters are assigned ones of few alphabets: bytes read in the wrong order are of many."""
    sample = text[:SEEN] + text[-SEEN:]
    odd = sum(unicodedata.category(sign) == "Cn" for sign in sample) + _count(CONTROLS, sample)
    blocks = {ord(sign) >> 8 for sign in IDEOGRAPHS.sub("", sample)}
    return odd <= MOST_CONTROLS * len(sample) and len(blocks) <= max(4, len(sample) / 20)


def _utf8(data: bytes, place: str) -> Decoded | None:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        kept = data.decode("utf-8", "ignore")
        lost = len(data) - len(kept.encode("utf-8"))
        if _beyond_ascii(kept) > 2 * lost:  # in other encodings it is the other way round
            raise DataError(
                f"{place}: is UTF-8 but for {lost:,} of its bytes, the first of them byte {error.start + 1:,}; get the "
                "file again, or leave them out: iconv -c -f UTF-8 -t UTF-8 FILE > NEW"
            ) from error
        return None
    if b"\x1b$" in data and _likeliest(_sample(data), STRICT) == "iso2022_jp":
        return _guess(data, "iso2022_jp")
    if not _is_clean(text):
        raise DataError(f"{place}: is no text (too many control characters); name a text, PDF or DOCX file")
    return Decoded(text, "utf-8")


def _guessed(data: bytes) -> Decoded | None:
    sample = _sample(data)
    found = _likeliest(sample, STRICT) or _likeliest(sample, LENIENT)
    return None if found is None else _guess(data, found)


def _guess(data: bytes, encoding: str) -> Decoded | None:
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:  # beyond the sample
        return None
    note = f"its encoding is a guess: {NAMES[encoding]}; if it reads wrong, {ADVICE}"
    return Decoded(text, encoding, (note,))


def _sample(data: bytes) -> bytes:
    """The first lines, and of the rest those that tell anything: each encoding holds what it decodes."""
    if len(data) <= SAMPLE_BYTES:
        return data
    lines, size = list[bytes](), 0
    for line in data.split(b"\n"):
        if size < CONTEXT_BYTES or (size < SAMPLE_BYTES and (not line.isascii() or b"\x1b" in line)):
            lines.append(line)
            size += len(line)
    return b"\n".join(lines)


def _likeliest(data: bytes, threshold: float) -> str | None:
    """The most common of the encodings that fit best."""
    matches = [
        (name, match)
        for match in from_bytes(data, cp_isolation=COMMON, threshold=threshold)
        for name in match.could_be_from_charset
        if name in NAMES and _is_plausible(name, str(match))
    ]
    if not matches:
        return None
    cleanest = min(match.chaos for _, match in matches)
    matches = [(name, match) for name, match in matches if match.chaos <= cleanest + AS_CLEAN]
    clearest = max(match.coherence for _, match in matches)
    return min((name for name, match in matches if match.coherence >= clearest - AS_COHERENT), key=COMMON.index)


def _is_plausible(encoding: str, text: str) -> bool:
    beyond = _beyond_ascii(text)
    if not _is_clean(text) or (encoding == "gb18030" and _count(KANA, text) * 10 > beyond):
        return False
    return encoding not in ASIAN or _count(ALONE, text) * 2 < beyond


def _is_clean(text: str) -> bool:
    return _count(CONTROLS, text) <= MOST_CONTROLS * len(text)


def _beyond_ascii(text: str) -> int:
    return len(text) - len(text.encode("ascii", "ignore"))


def _count(pattern: re.Pattern[str], text: str) -> int:
    return sum(1 for _ in pattern.finditer(text))
