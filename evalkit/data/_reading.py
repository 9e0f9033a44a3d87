"""Records of data files, one at a time, with errors that name the file, the line and the field.

JSON lines, and files that are one long JSON array of objects: LongBench v2 is such a file of 465 MB, of which only the
object at hand is in memory.

for record in read_records(Path("leval/Exam/coursera.jsonl")):
    document = require(record, "input", str)
    questions = require_strings(record, "instructions")
"""

from __future__ import annotations

import codecs
import functools
import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple, TypeVar

from evalkit.errors import DataError
from evalkit.reading import (
    DEEPEST,
    JsonError,
    check_depth,
    distinct,
    finite_number,
    load_json,
    refuse_constant,
    whole_number,
)

__all__ = ["Record", "read_array", "read_document", "read_records", "require", "require_strings"]

T = TypeVar("T")

_JSON_NAMES = {
    str: "a string",
    int: "an integer",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "an object",
}
LINE_BYTES = 2**26  # a file without line ends must not fill the memory; the longest published record has 20 MB
DOCUMENT_BYTES = 2**28  # of a file that is one JSON value; the largest published predictions have 60 MB
UNPACKED_BYTES = 2**30  # a compressed file must not fill the memory; the largest published predictions have 60 MB
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class Record(NamedTuple):
    """One JSON object and where it stands."""

    path: Path
    """File it was read from."""
    line: int
    """Line number, from 1."""
    fields: dict[str, object]
    """The object itself."""

    @property
    def place(self) -> str:
        """`file:line`, for messages."""
        return f"{self.path}:{self.line}"


def read_records(path: Path, *, refuses_doubled_fields: bool = False) -> Iterator[Record]:
    """The records of a JSON lines file in order; blank lines, CRLF and a UTF-8 byte order mark are accepted.

    NaN and infinities are refused: they are not JSON, and a score would silently become NaN. A file whose name ends in
    `.gz` is unpacked as it is read, up to 1 GiB.
    """
    number_of_records = 0
    for line, raw in enumerate(_lines(path), start=1):
        if len(raw) > LINE_BYTES:
            raise DataError(f"{path}:{line}: longer than {LINE_BYTES} bytes: not one record per line; split it")
        text = _decoded(path, line, raw)
        if text:
            number_of_records += 1
            is_cut = not raw.endswith(b"\n")
            yield Record(path, line, _parsed(path, line, text, is_cut=is_cut, is_strict=refuses_doubled_fields))
    if number_of_records == 0:
        raise DataError(f"{path} has no records: the file is empty; get it again")


def read_document(path: Path) -> object:
    """The one JSON value of a file; a field given twice in an object is refused, as are NaN and infinities.

    A file whose name ends in `.gz` is unpacked. Files and what they unpack to are up to 256 MiB.
    """
    lines, total = [], 0
    for line in _lines(path):
        total += len(line)
        if total > DOCUMENT_BYTES:
            raise DataError(f"{path}: more than {DOCUMENT_BYTES:,} bytes: no file of predictions is as large; split it")
        lines.append(line)
    try:
        return load_json(b"".join(lines))
    except JsonError as error:
        raise DataError(f"{path}: {error}: get the file again") from error


def _lines(path: Path) -> Iterator[bytes]:
    """The lines of a file, unpacked where its name says that it is compressed."""
    total, is_packed = 0, path.suffix == ".gz"
    try:
        with _opened(path, is_packed) as stream:
            for raw in iter(lambda: stream.readline(LINE_BYTES + 1), b""):
                total += len(raw)
                if is_packed and total > UNPACKED_BYTES:
                    raise DataError(f"{path}: more than {UNPACKED_BYTES} bytes unpacked: unpack it, or split it")
                yield raw
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path}: not a whole gzip file ({error}): get it again, or unpack it") from error
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error


def _opened(path: Path, is_packed: bool) -> BinaryIO | gzip.GzipFile:
    return gzip.open(path, "rb") if is_packed else path.open("rb")


def _decoded(path: Path, line: int, raw: bytes) -> str:
    if line == 1 and raw.startswith(_UTF16):
        raise DataError(f"{path}:1: the file is UTF-16, not UTF-8: convert it, or get the original file")
    raw = raw.removeprefix(codecs.BOM_UTF8) if line == 1 else raw
    try:
        return raw.strip(b" \t\r\n").decode("utf-8")
    except UnicodeDecodeError as error:
        found = f"byte 0x{raw[error.start]:02x} at position {error.start + 1}"
        raise DataError(f"{path}:{line}: not UTF-8 ({found}): convert the file, or get the original") from error


def _parsed(path: Path, line: int, text: str, *, is_cut: bool, is_strict: bool) -> dict[str, object]:
    try:
        value = _decoder(is_strict).decode(text)
        check_depth(value, text)
    except json.JSONDecodeError as error:
        if is_cut:
            raise DataError(f"{path}:{line}: the last line is cut off: the file is incomplete, get it again") from error
        where = f"{error.msg} at column {error.colno}"
        raise DataError(f"{path}:{line}: not JSON ({where}): one JSON object per line is expected") from error
    except JsonError as error:
        raise DataError(f"{path}:{line}: {error}") from error
    except RecursionError as error:
        raise DataError(f"{path}:{line}: nested more than {DEEPEST} deep: repair or remove the line") from error
    if not isinstance(value, dict):
        raise DataError(f"{path}:{line}: {_named(value)} instead of a JSON object: one object per line is expected")
    return value


@functools.cache
def _decoder(is_strict: bool) -> json.JSONDecoder:
    """JSON without NaN and numbers that no float can hold; strict: without fields given twice."""
    hook = distinct if is_strict else None
    return json.JSONDecoder(
        parse_constant=refuse_constant, parse_float=finite_number, parse_int=whole_number, object_pairs_hook=hook
    )


def require(record: Record, field: str, kind: type[T]) -> T:
    """The field's value, which must be there and of that type; an integer also counts as a `float`."""
    if field not in record.fields:
        there = ", ".join(sorted(record.fields)) or "none"
        raise DataError(f"{record.place}: field {field!r} is missing (fields: {there})")
    value = record.fields[field]
    if kind is float and type(value) is int:
        value = float(value)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        wanted = _JSON_NAMES.get(kind, kind.__name__)
        raise DataError(f"{record.place}: field {field!r} is {_named(value)}, {wanted} is expected")
    return value


def require_strings(record: Record, field: str) -> list[str]:
    """The field's value, which must be a list of strings."""
    values = require(record, field, list)
    for index, value in enumerate(values):
        if not isinstance(value, str):
            raise DataError(f"{record.place}: item {index} of field {field!r} is {_named(value)}, a string is expected")
    return values


def _named(value: object) -> str:
    return "null" if value is None else _JSON_NAMES.get(type(value), type(value).__name__)


CHUNK = 2**20  # bytes read at once; doubled while one object does not fit
LONGEST = 2**26  # bytes: an object that never ends must not fill the memory; LongBench v2's longest has some 16 million
_SPACE = " \t\r\n"
_ESCAPE = 16  # a surrogate pair written as escapes, or a cut word: faults that more text may repair end this near


def read_array(path: Path) -> Iterator[Record]:
    """The objects of the array in order, each with the line it begins at. NaN and infinities are refused."""
    try:
        stream = path.open("rb")
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    with stream:
        window = _Window(path, stream)
        window.expect("[")
        if window.next_sign() == "]":
            raise DataError(f"{path} has no records: the array is empty; get it again")
        while True:
            yield window.record()
            if window.expect(",", "]") == "]":
                return


class _Window:
    """The part of the file that is in memory, and how far it has been read."""

    def __init__(self, path: Path, stream: BinaryIO) -> None:
        self._path = path
        self._stream = stream
        self._utf8 = codecs.getincrementaldecoder("utf-8-sig")()
        self._text = ""
        self._at = 0
        self._line = 1

    def next_sign(self) -> str:
        """The next character that is not white space; empty at the end of the file."""
        while True:
            while self._at < len(self._text):
                sign = self._text[self._at]
                if sign not in _SPACE:
                    return sign
                self._line += sign == "\n"
                self._at += 1
            if not self._read_more(CHUNK):
                return ""

    def expect(self, *signs: str) -> str:
        """Pass over the next sign, which must be one of these."""
        found = self.next_sign()
        if found not in signs:
            shown = repr(found) if found else "the end of the file"
            raise self._error(f"{shown} where {' or '.join(map(repr, signs))} is expected; an array of objects is read")
        self._at += 1
        return found

    def record(self) -> Record:
        """The object that begins here."""
        self.next_sign()
        line, size, held = self._line, CHUNK, 0
        while True:
            try:
                value, end = _decoder(False).raw_decode(self._text, self._at)
                check_depth(value, self._text[self._at : end])
                break
            except json.JSONDecodeError as error:
                if not self._may_go_on(error) or not self._read_more(size):
                    raise self._error(f"not JSON ({error.msg}); get the file again") from error
            except (JsonError, RecursionError) as error:
                raise self._error(f"JSON that cannot be read ({error}); get the file again") from error
            held += size
            if held > LONGEST:
                raise self._error(f"an object of more than {LONGEST:,} bytes; get the file again")
            size = min(size * 2, LONGEST - held + 1)  # so that a long object is decoded a few times, not once per chunk
        if not isinstance(value, dict):
            raise self._error("not an object; an array of objects is expected")
        self._line += self._text.count("\n", self._at, end)
        self._at = end
        return Record(self._path, line, value)

    def _may_go_on(self, error: json.JSONDecodeError) -> bool:
        """Whether more text may repair it: the fault lies at the end of what was read, or a string is open."""
        return error.pos >= len(self._text) - _ESCAPE or error.msg.startswith("Unterminated string")

    def _read_more(self, size: int) -> bool:
        raw = self._stream.read(size)
        try:
            more = self._utf8.decode(raw, final=not raw)
        except UnicodeDecodeError as error:
            raise self._error("not UTF-8; get the original file") from error
        self._text, self._at = self._text[self._at :] + more, 0
        return bool(raw)

    def _error(self, reason: str) -> DataError:
        return DataError(f"{self._path}:{self._line}: {reason}")
