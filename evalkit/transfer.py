"""What every transfer over a network is bounded by: decoded bytes, and seconds that ordinary code waits.

A body may be small on the line and endless decoded, and a header may arrive a byte a minute; neither meets the limit of
a single wait. So bodies are decoded here, no more at a time than may be kept, and whole transfers run in an event loop
where a deadline ends them wherever they are.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import zlib
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Self, TypeVar

__all__ = ["ENCODINGS", "Background", "Inflater", "TooLargeError", "TransferError", "quiet_hub_client"]

ENCODINGS = "gzip, deflate"
"""What may be asked for: `Inflater` reads these."""

_Result = TypeVar("_Result")


@contextmanager
def quiet_hub_client() -> Iterator[None]:
    """The hub's client writes nothing through its own handlers: whoever asks it says in one line what came of it.

    It tells of each of its tries at a hub that does not answer, eleven lines for a file.
    """
    import huggingface_hub  # noqa: F401 - makes its handlers, once

    def drop(_: logging.LogRecord) -> bool:
        return False

    handlers = logging.getLogger("huggingface_hub").handlers[:]
    for handler in handlers:
        handler.addFilter(drop)  # one for each call, so that calls of several threads do not undo each other
    try:
        yield
    finally:
        for handler in handlers:
            handler.removeFilter(drop)


class TransferError(Exception):
    """A body that cannot be decoded."""


class TooLargeError(TransferError):
    """A body that is larger than may be kept."""


class Inflater:
    """Decodes a body piece by piece, never more than may be kept."""

    def __init__(self, encoding: str) -> None:
        self._name = encoding.strip().lower()
        if self._name not in {"", "identity", "gzip", "x-gzip", "deflate"}:
            raise TransferError(f"the answer is encoded as {self._name[:40]}, which nobody asked for")
        is_plain = self._name in {"", "identity"}
        self._inflate = None if is_plain else zlib.decompressobj(zlib.MAX_WBITS | 32)  # 32: gzip or zlib, as it begins
        self._has_begun = False

    def feed(self, raw: bytes, most: int) -> bytes:
        """The decoded bytes of the next piece; `TransferError` where they are more than `most`."""
        found = raw if self._inflate is None else self._decoded(raw, most + 1)
        if len(found) > most:
            raise TooLargeError("the answer is larger than may be")
        return found

    def end(self) -> None:
        """Raise `TransferError` where the body was cut off."""
        if self._inflate is not None and self._has_begun and not self._inflate.eof:
            raise TransferError("the answer is cut off")

    def _decoded(self, raw: bytes, most: int) -> bytes:
        assert self._inflate is not None
        try:
            found = self._inflate.decompress(raw, most)
        except zlib.error as error:
            if self._has_begun or self._name != "deflate":
                raise TransferError(f"the answer's {self._name} is damaged") from error
            self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)  # some servers leave the header out
            self._has_begun = True
            return self._decoded(raw, most)
        self._has_begun = self._has_begun or bool(raw)
        return found


class Background:
    """An event loop in a thread of its own, for ordinary code that may itself run in one. Use as a context manager."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._work, name="evalkit-transfer", daemon=True)
        self._is_ending = False
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        """What the work returns; it is cancelled where the caller is interrupted."""
        running = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return running.result()
        except BaseException:
            running.cancel()
            raise

    def close(self) -> None:
        """End the loop and wait for its thread."""
        self.end()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def end(self, last: Coroutine[Any, Any, None] | None = None) -> None:
        """Let the loop do this last thing and end by itself; nobody waits, so that a garbage collector may call it."""
        if self._is_ending:
            if last is not None:
                last.close()
            return
        self._is_ending = True
        asyncio.run_coroutine_threadsafe(self._end_all(last), self._loop)

    def _work(self) -> None:
        try:
            self._loop.run_forever()
        finally:
            self._loop.close()

    async def _end_all(self, last: Coroutine[Any, Any, None] | None) -> None:
        """Let everything that was cancelled come to its end: files are flushed, connections closed."""
        try:
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            if last is not None:
                await last
            await self._loop.shutdown_asyncgens()
        finally:
            self._loop.stop()
