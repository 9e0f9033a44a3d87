"""Asynchronous work read from ordinary code: it runs in a thread of its own, results come as they are made."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Generic, TypeVar

__all__ = ["run_in_thread"]

_Item = TypeVar("_Item")
Work = Callable[[Callable[[_Item], None]], Awaitable[None]]
"""Asynchronous work that hands each result to the function it is given."""


def run_in_thread(work: Work[_Item]) -> Iterator[_Item]:
    """What the work hands out, as it does; leaving early cancels the work and waits for its end.

    A thread of its own, because the caller may itself run inside an event loop (a notebook does).
    """
    running = _Running(work)
    running.start()
    try:
        while not isinstance(item := running.items.get(), _End):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        running.stop()


class _End:
    """The work is done."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


class _Running(Generic[_Item]):
    def __init__(self, work: Work[_Item]) -> None:
        self.items: queue.SimpleQueue[_Item | _End] = queue.SimpleQueue()
        self._work = work
        self._loop = asyncio.new_event_loop()
        self._task: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._run, name="evalkit-endpoint", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Cancel what is under way and wait for it."""
        with contextlib.suppress(RuntimeError):  # closed: it has ended by itself
            self._loop.call_soon_threadsafe(self._cancel)
        self._thread.join()

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _run(self) -> None:
        error: BaseException | None = None
        try:
            self._task = self._loop.create_task(self._whole())
            self._loop.run_until_complete(self._task)
        except asyncio.CancelledError:
            pass
        except BaseException as caught:
            error = caught
        finally:
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()
            self.items.put(_End(error))

    async def _whole(self) -> None:
        await self._work(self.items.put)
