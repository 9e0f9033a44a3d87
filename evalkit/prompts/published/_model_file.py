"""A SentencePiece model's file, `tokenizer.model`: read within bounds, and changed where a marker must not be found.

It is a message of protocol buffers (sentencepiece_model.proto): pieces under 1, each with its text (1), score (2) and
type (3); how texts are normalised under 3, where `add_dummy_prefix` is 3; samples that a changed model fails under 4.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import IntEnum
from pathlib import Path
from typing import Any

from evalkit.errors import CardError, one_line
from evalkit.reading import read_bytes

__all__ = ["PieceType", "changed_model", "piece_types", "processor", "read_model"]

LARGEST_MODEL = 2**26  # bytes; the largest published ones, of 256,000 pieces, have 4 million
_PIECE, _SAMPLES = 1, 4
_NO_DUMMY_PREFIX = b"\x1a\x02\x18\x00"  # a second message under 3 is merged with the first


class PieceType(IntEnum):
    """What a piece is."""

    NORMAL = 1
    UNKNOWN = 2
    CONTROL = 3
    USER_DEFINED = 4
    UNUSED = 5
    BYTE = 6


def read_model(path: Path) -> bytes:
    """The bytes of a model file; `CardError` where they are too many or cannot be read."""
    return read_bytes(path, LARGEST_MODEL, refuse=CardError, advice=": get the model's tokenizer.model")


def processor(raw: bytes, path: Path) -> Any:
    """SentencePiece's processor for a model; `CardError` where the bytes are none."""
    import sentencepiece

    made = sentencepiece.SentencePieceProcessor()
    try:
        if not raw:
            raise ValueError("the file is empty")
        made.LoadFromSerializedProto(raw)
        made.id_to_piece(list(range(made.get_piece_size())))  # a piece that is not UTF-8 shows only when it is read
    except Exception as error:  # the library raises whatever its checks find
        raise CardError(
            f"{path}: not a SentencePiece model ({one_line(error, 160)}): get the model's tokenizer.model"
        ) from error
    return made


def piece_types(raw: bytes) -> list[PieceType | int]:
    """The type of each piece of a model that SentencePiece could read."""
    return [
        next((number for kind, number in _fields(raw[start:stop]) if kind == (3, 0)), PieceType.NORMAL)
        for field, start, stop in _messages(raw)
        if field == _PIECE
    ]


def changed_model(raw: bytes, types: Mapping[int, PieceType], *, has_dummy_prefix: bool = True) -> bytes:
    """The model with other types for some pieces, and without the blank before texts where it shall have none."""
    parts: list[bytes] = []
    piece = end = 0
    for field, start, stop in _messages(raw):
        if field == _PIECE and piece in types:
            body = raw[start:stop] + bytes((3 << 3, types[piece]))  # the last value of a field counts
            parts += [bytes((_PIECE << 3 | 2,)), _varint(len(body)), body]
        elif field != _SAMPLES:
            parts.append(raw[end:stop])
        piece += field == _PIECE
        end = stop
    return b"".join(parts) + (b"" if has_dummy_prefix else _NO_DUMMY_PREFIX)


def _messages(raw: bytes) -> Iterator[tuple[int, int, int]]:
    """Number, start and end of each field's content; numbers that are no messages as well."""
    at = 0
    while at < len(raw):
        tag, at = _number(raw, at)
        start, at = _content(raw, at, tag & 7)
        yield tag >> 3, start, at


def _fields(message: bytes) -> Iterator[tuple[tuple[int, int], int]]:
    """Number and wire type of each field, with its value where that is a varint."""
    at = 0
    while at < len(message):
        tag, at = _number(message, at)
        value = _number(message, at)[0] if tag & 7 == 0 else 0
        at = _content(message, at, tag & 7)[1]
        yield (tag >> 3, tag & 7), value


def _content(raw: bytes, at: int, kind: int) -> tuple[int, int]:
    """Where a field's content starts and ends."""
    if kind == 0:
        return at, _number(raw, at)[1]
    if kind == 2:
        size, at = _number(raw, at)
    else:
        size = {1: 8, 5: 4}[kind]
    return at, at + size


def _number(raw: bytes, at: int) -> tuple[int, int]:
    """A varint and where it ends."""
    value = shift = 0
    while True:
        byte = raw[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])
