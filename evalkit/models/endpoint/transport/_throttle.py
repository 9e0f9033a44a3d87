"""How many requests are under way at once: few at first, more while the server is well, fewer when it complains."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

__all__ = ["Throttle"]

FIRST = 4


class Throttle:
    """A gate with a moving width: doubles per round trip until the first complaint, then grows by one and halves.

    The rule of TCP (slow start, then additive increase and multiplicative decrease): it finds a server's capacity
    without knowing it, and leaves room for others.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._width = float(min(FIRST, most))
        self._under_way = 0
        self._is_searching = True
        self._last_cut = 0.0
        self._not_before = 0.0
        self._changed = asyncio.Condition()

    @property
    def width(self) -> int:
        """Requests that may be under way now."""
        return int(self._width)

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[float]:
        """A place under way, and the time it was taken; waits for one, and as long as the server asked for."""
        await self._enter()
        try:
            yield self._now()
        finally:
            self._under_way -= 1
            async with self._changed:
                self._changed.notify_all()

    async def _enter(self) -> None:
        while True:
            async with self._changed:
                await self._changed.wait_for(lambda: self._under_way < self.width)
                pause = self._not_before - self._now()
                if pause <= 0:
                    self._under_way += 1
                    return
            await asyncio.sleep(pause)

    def succeeded(self) -> None:
        """A request was answered."""
        self._width = min(self._most, self._width + (1.0 if self._is_searching else 1.0 / self._width))

    def throttled(self, began: float, wait: float) -> None:
        """The server refused a request that was sent at `began`, and asks everybody to wait."""
        now = self._now()
        self._not_before = max(self._not_before, now + wait)
        if began >= self._last_cut:  # one burst is one complaint
            self._width = max(1.0, self._width / 2)
            self._is_searching = False
            self._last_cut = now

    def _now(self) -> float:
        return asyncio.get_running_loop().time()
