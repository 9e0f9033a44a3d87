"""Server-sent events: from the bytes of a body, however they are split, to the data of its events. Pure.

    : keep-alive

    data: {"choices": [{"index": 0, "text": "By the"}]}

    data: [DONE]

The rules are those of the HTML standard (9.2.6, "Interpreting an event stream"), with one exception: data that no blank
line follows counts too, because servers leave the last one out.
"""

from __future__ import annotations

from ._meaning import TryAgainError

__all__ = ["EventReader"]

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class EventReader:
    """Takes a body piece by piece and gives the data of the events that are complete."""

    def __init__(self, most: int) -> None:
        """`most` = bytes that one event may have."""
        self._most = most
        self._line = bytearray()
        self._data: list[bytes] = []
        self._size = 0
        self._is_first = True
        self._has_return = False

    def feed(self, piece: bytes) -> list[bytes]:
        """The data of the events that this piece completes; `TryAgainError` where one is larger than may be."""
        if self._has_return and piece[:1] == b"\n":  # the second half of a line's end
            piece = piece[1:]
        if piece:
            self._has_return = piece.endswith(b"\r")
        *ended, rest = piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        found: list[bytes] = []
        for line in ended:
            self._line += line
            found += self._end_line()
        self._line += rest
        self._check_size()
        return found

    def end(self) -> list[bytes]:
        """The data of an event that the body's end completes."""
        return [*self._end_line(), *self._end_event()]

    def _end_line(self) -> list[bytes]:
        line = bytes(self._line)
        self._line.clear()
        if self._is_first:
            line, self._is_first = line.removeprefix(BYTE_ORDER_MARK), False
        if not line:
            return self._end_event()
        name, _, value = line.partition(b":")
        if name == b"data":
            self._data.append(value.removeprefix(b" "))
            self._size += len(value) + 1
            self._check_size()
        return []

    def _end_event(self) -> list[bytes]:
        data = b"\n".join(self._data)
        self._data, self._size = [], 0
        return [data] if data else []

    def _check_size(self) -> None:
        if len(self._line) + self._size > self._most:
            raise TryAgainError(f"an event of the answer is larger than {self._most} bytes")
