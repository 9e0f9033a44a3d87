"""Whether a server is still there: asked beside the requests of a run, so that others can take its work.

A server that is slow, or says 429, is there. One is gone where nobody listens, where only a gateway answers for it, or
where it says nothing to anything for as long as one answer may take.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from evalkit.cards import Endpoint
from evalkit.transfer import Background

from ._client import CONNECT_SECONDS, ServerGoneError, client_arguments

if TYPE_CHECKING:
    import httpx

__all__ = ["Absence", "Health", "absence"]

LOOK_EVERY = 10.0  # seconds between two looks: a host may vanish without a word
LOOK_AGAIN = 1.0  # where something is wrong
LOOK_SECONDS = 15.0  # for an answer to one look
AWAY_SECONDS = 5.0  # nobody listens, or a gateway says so: no server of a model starts again as fast
BUSY_SECONDS = 60.0  # nothing but 503, which is asking for patience too
AWAY = frozenset({502, 504})
BUSY = 503


@dataclass(frozen=True, slots=True)
class Absence:
    """What speaks for a server's being gone."""

    reason: str
    """What was seen."""
    patience: float
    """Seconds of it after which it is gone."""


class Health:
    """Watches one server while requests to it are under way; for one piece of work at a time."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._watching: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_ended = False
        self._begin()

    def _begin(self) -> None:
        self._is_doubtful = asyncio.Event()
        self._since: float | None = None  # when the trouble began
        self._met: Absence | None = None  # what requests have met since the last one that was answered
        self._heard = time.monotonic()

    @property
    def is_ended(self) -> bool:
        """Whether `end` was called."""
        return self._is_ended

    def answered(self, status: int) -> None:
        """A request got an answer of this status."""
        now, self._met = time.monotonic(), _absence_of(status)
        if self._met is None:
            self._heard, self._since = now, None
        else:
            self._since = self._since or now
            self._is_doubtful.set()

    def unanswered(self) -> None:
        """A request found nobody, or its connection broke."""
        self._is_doubtful.set()

    async def beside(self, work: Coroutine[Any, Any, None]) -> None:
        """Do the work; it is cancelled, and `ServerGoneError` raised, as soon as the server is gone."""
        self._begin()
        working, watching = asyncio.create_task(work), asyncio.create_task(self._watch())
        self._loop, self._watching = asyncio.get_running_loop(), watching
        try:
            if not self._is_ended:
                await asyncio.wait({working, watching}, return_when=asyncio.FIRST_COMPLETED)
                (working if working.done() else watching).result()
        finally:
            working.cancel()
            watching.cancel()
            await asyncio.gather(working, watching, return_exceptions=True)

    def end(self) -> None:
        """Let the work end now, and none begin; from any thread."""
        self._is_ended = True
        if self._loop is not None and self._watching is not None:
            with contextlib.suppress(RuntimeError):  # closed: it has ended by itself
                self._loop.call_soon_threadsafe(self._watching.cancel)

    async def _watch(self) -> None:
        async with _looker(self._endpoint) as http:
            while True:
                if self._since is None:
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._is_doubtful.wait(), LOOK_EVERY)
                else:
                    await asyncio.sleep(LOOK_AGAIN)
                self._is_doubtful.clear()
                began = time.monotonic()
                self._judge(began, await _look(http, self._endpoint))

    def _judge(self, began: float, seen: Absence | None) -> None:
        """Weigh a look that began then; `ServerGoneError` where patience is at its end."""
        if self._heard > began:
            return
        found = seen or self._met
        if found is None:
            self._since = None
            return
        self._since = self._since or began
        if time.monotonic() - self._since >= found.patience:
            raise ServerGoneError(found.reason)


def absence(endpoint: Endpoint) -> Absence | None:
    """What speaks for a server's being gone, at one look; None where it answers."""

    async def once() -> Absence | None:
        async with _looker(endpoint) as http:
            return await _look(http, endpoint)

    with Background() as background:
        return background.run(once())


def _looker(endpoint: Endpoint) -> httpx.AsyncClient:
    """A client that keeps no connection: one that was open before tells nothing of a host that vanished."""
    import httpx

    waits = httpx.Timeout(LOOK_SECONDS, connect=CONNECT_SECONDS)
    limits = httpx.Limits(max_keepalive_connections=0)
    return httpx.AsyncClient(timeout=waits, limits=limits, **client_arguments(endpoint))


async def _look(http: httpx.AsyncClient, endpoint: Endpoint) -> Absence | None:
    import httpx

    try:
        async with (
            asyncio.timeout(CONNECT_SECONDS + LOOK_SECONDS),
            http.stream("GET", f"{endpoint.base_url}/models") as response,
        ):
            return _absence_of(response.status_code)
    except (TimeoutError, httpx.ReadTimeout, httpx.WriteTimeout):
        seconds = endpoint.timeout_seconds
        return Absence(f"it has answered nothing for {seconds:g} s", seconds)
    except httpx.HTTPError as error:
        return Absence(f"nobody answers ({str(error) or type(error).__name__})", AWAY_SECONDS)
    except httpx.InvalidURL:
        return None  # whoever asks there says so


def _absence_of(status: int) -> Absence | None:
    if status in AWAY:
        return Absence(f"it answers {status} only", AWAY_SECONDS)
    return Absence(f"it answers {status} only", BUSY_SECONDS) if status == BUSY else None
