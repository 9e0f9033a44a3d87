"""What one server was seen to do when it is asked for answers in pieces."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from ..protocol import RefusedError, Reply, StreamShape

__all__ = ["Streaming"]


class Streaming:
    """Asks for pieces in the shape that the server takes, and says once where it gives none."""

    def __init__(self, base_url: str, note: Callable[[str], None]) -> None:
        self._base_url = base_url
        self._note = note
        self._shape = StreamShape()
        self._is_said = False

    async def ask(self, send: Callable[[dict[str, Any]], Awaitable[Reply | bytes]]) -> Reply | bytes:
        """What `send` gets with these further fields: an answer that came in pieces, or the body of a whole one."""
        shape = self._shape
        while True:
            try:
                found = await send(shape.fields)
            except RefusedError as error:
                changed = shape.without(error)
                if changed is None:
                    raise
                shape = changed
                continue
            self._learn(shape, is_whole=isinstance(found, bytes))
            return found

    def _learn(self, shape: StreamShape, *, is_whole: bool) -> None:
        """Remember the shape that was answered, and say what it means."""
        if self._shape.sends_options and shape.sends_stream and not shape.sends_options:
            self._note(
                f"{self._base_url} refuses the field stream_options, which is left out; tokens of answers that it "
                "streams are counted here where it sends no count"
            )
        self._shape = shape
        if is_whole and not self._is_said:
            self._is_said = True
            what = "does not stream" if shape.sends_stream else "refuses the field stream"
            self._note(f"{self._base_url} {what}: its answers are shown when they are complete")
