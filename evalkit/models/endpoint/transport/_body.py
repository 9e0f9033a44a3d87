"""Bodies as they come over the wire: decoded, bounded, and told of piece by piece where they are streams of events."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

from evalkit.transfer import Inflater, TooLargeError

from ..protocol import EventReader, Reply, StreamedAnswer, TryAgainError

if TYPE_CHECKING:
    import httpx

__all__ = ["LARGEST_BODY", "UNREADABLE", "Tell", "listen", "read_body"]

LARGEST_BODY = 32 * 2**20
LARGEST_STREAM = 8 * LARGEST_BODY  # of which nothing but the answer is kept: vLLM's events have 250 bytes a token
LARGEST_EVENT = LARGEST_BODY // 2  # vLLM's first one holds the ids of the prompt: 7 bytes a token
UNREADABLE = (RecursionError, UnicodeError, OverflowError)  # what odd values of valid JSON end in

Tell = Callable[[Reply, int], None]
"""Takes what came of an answer so far, and the number of its pieces."""


async def read_body(response: httpx.Response, most: int) -> bytes:
    """The body, decoded; `TransferError` where it is larger than an answer can be, or cannot be decoded."""
    return b"".join([piece async for piece in _decoded(response, most)])


async def _decoded(response: httpx.Response, most: int) -> AsyncIterator[bytes]:
    """The pieces of the body as they come."""
    inflater, left = Inflater(response.headers.get("Content-Encoding", "")), most
    async for raw in response.aiter_raw():
        try:
            piece = inflater.feed(raw, left)
        except TooLargeError:
            raise TooLargeError(f"the answer is larger than {most // 2**20} MiB") from None
        left -= len(piece)
        yield piece
    inflater.end()


async def listen(response: httpx.Response, clean: Callable[[bytes], bytes], tell: Tell) -> Reply | bytes:
    """The answer in a stream of events, told as it comes; the body where it is none but came whole.

    `clean` is given the data of each event before it is read. Raises the errors of attempts and `TransferError`.
    """
    pieces, begun = _decoded(response, LARGEST_STREAM), b""
    async for piece in pieces:
        begun += piece
        if begun.strip():
            break
    if begun.lstrip().startswith((b"{", b"[")):
        return await _whole(begun, pieces)
    told = _Told(clean, tell)
    told.take(begun)
    async for piece in pieces:
        if told.answer.is_done:
            break
        told.take(piece)
    return told.whole()


async def _whole(begun: bytes, rest: AsyncIterator[bytes]) -> bytes:
    body = bytearray(begun)
    async for piece in rest:
        body += piece
        if len(body) > LARGEST_BODY:
            raise TooLargeError(f"the answer is larger than {LARGEST_BODY // 2**20} MiB")
    return bytes(body)


class _Told:
    """An answer that is told as its events come."""

    def __init__(self, clean: Callable[[bytes], bytes], tell: Tell) -> None:
        self.answer = StreamedAnswer()
        self._events = EventReader(LARGEST_EVENT)
        self._clean = clean
        self._tell = tell
        self._pieces = self._size = self._count = 0

    def take(self, piece: bytes) -> None:
        """Read one more piece of the body, and tell what it adds to the answer, once for all of its events."""
        self._size += len(piece)
        self._take(self._events.feed(piece))
        if self.answer.pieces > self._pieces:
            self._pieces = self.answer.pieces
            self._tell(self.answer.so_far(), self._pieces)

    def _take(self, events: list[bytes]) -> None:
        try:
            for data in events:
                self._count += 1
                if not self.answer.is_done:
                    self.answer.take(self._clean(data))
        except UNREADABLE as error:
            raise TryAgainError(f"the answer cannot be read ({type(error).__name__})") from None

    def whole(self) -> Reply:
        """The answer, after the last piece."""
        self._take(self._events.end())
        if not self._count:
            raise TryAgainError(f"the answer is neither JSON nor a stream of events ({self._size} bytes)")
        return self.answer.whole()
