"""Asking an OpenAI-compatible server many things at once, and getting one outcome for each."""

from __future__ import annotations

import asyncio
import functools
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from evalkit.cards import Endpoint
from evalkit.errors import UserError
from evalkit.transfer import ENCODINGS, TransferError

from .._cost import RequestCost
from .._keys import endpoint_key, is_local, without_key, without_key_bytes
from ..protocol import (
    AttemptError,
    RefusedError,
    Reply,
    SpoiledError,
    ThrottledError,
    TryAgainError,
    UnfinishedError,
    UnusableServerError,
    Usage,
    parse_reply,
    raise_for_status,
)
from ._body import LARGEST_BODY, UNREADABLE, Tell, listen, read_body
from ._streaming import Streaming
from ._throttle import Throttle

if TYPE_CHECKING:
    import ssl

    import httpx

    from ._health import Health

__all__ = ["Client", "Failure", "ServerGoneError", "client_arguments", "root_of"]

ATTEMPTS = 6
BACKOFF_SECONDS = 0.5
LONGEST_BACKOFF_SECONDS = 30.0
PATIENCE_SECONDS = 900.0  # how long a throttled request is kept alive
GONE_AFTER = 8  # requests in a row that found nobody there: the server is gone, the rest need not be tried
CONNECT_SECONDS = 15.0


class ServerGoneError(Exception):
    """A server that is one of several does not answer any more, or asks for more patience than there is."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A request that got no answer."""

    reason: str
    """Why."""
    is_of_prompt: bool = True
    """Whether the server may well answer other prompts: it refused this one, or answered it with no text."""


def root_of(endpoint: Endpoint) -> str:
    """The server's address without the API version: where `/tokenize` and `/version` are."""
    return endpoint.base_url.removesuffix("/v1")


def client_arguments(endpoint: Endpoint) -> dict[str, Any]:
    """What every `httpx` client for the endpoint is made with."""
    key = endpoint_key(endpoint)
    return {
        "headers": {"Accept-Encoding": ENCODINGS, **({"Authorization": f"Bearer {key}"} if key else {})},
        "follow_redirects": False,  # a redirect would carry the key to another host
        "trust_env": not is_local(endpoint),  # proxies
        "verify": _certificates(is_local(endpoint)),
    }


@lru_cache(maxsize=2)
def _certificates(is_local: bool) -> ssl.SSLContext:
    """What servers are checked by, read once: a first token waits for it."""
    import httpx

    return httpx.create_ssl_context(trust_env=not is_local)


class Client:
    """Sends requests with bounded patience. Use as an asynchronous context manager.

    With `health` the server is one of several: it is told what becomes of requests, and `ServerGoneError` is raised
    where this one cannot be waited for.
    """

    def __init__(self, endpoint: Endpoint, health: Health | None = None) -> None:
        self._endpoint = endpoint
        self._health = health
        endpoint_key(endpoint)  # a missing one is an error before anything is sent
        self._throttle = Throttle(endpoint.concurrency)
        self._nobody_there = 0
        self._http: httpx.AsyncClient | None = None

    async def __aenter__(self) -> Client:
        import httpx

        limits = httpx.Limits(max_connections=self._endpoint.concurrency, max_keepalive_connections=None)
        timeout = httpx.Timeout(self._endpoint.timeout_seconds, connect=CONNECT_SECONDS)
        self._http = httpx.AsyncClient(limits=limits, timeout=timeout, **client_arguments(self._endpoint))
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._http is not None:
            await self._http.aclose()

    async def ask(
        self, path: str, payload: Callable[[], dict[str, Any]], judge: Callable[[Reply], None], cost: RequestCost
    ) -> Reply | Failure:
        """The server's answer, or why there is none; raises `UserError` where no request can be answered any more.

        `judge` may reject an answer by raising one of the attempt errors; `cost` is reserved and settled per attempt
        and raises `OutOfMoneyError` where another one could cost too much.
        """
        unfinished: list[str] = []

        async def attempt() -> Reply:
            return _read(await self._post(path, payload()), judge, unfinished)

        return await self._patiently(attempt, cost)

    async def hear(
        self,
        path: str,
        payload: Callable[[], dict[str, Any]],
        judge: Callable[[Reply], None],
        cost: RequestCost,
        streaming: Streaming,
        tell: Tell,
    ) -> Reply | Failure:
        """As `ask`, but `tell` is given what came of the answer as it comes, with the number of its pieces.

        An answer that breaks off after that is a failure: another attempt would tell another one.
        """
        told, unfinished = 0, list[str]()

        def telling(reply: Reply, pieces: int) -> None:
            nonlocal told
            told = pieces
            tell(reply, pieces)

        async def attempt() -> Reply:
            try:
                found = await streaming.ask(lambda more: self._listen(path, {**payload(), **more}, telling))
                return _read(found, judge, unfinished) if isinstance(found, bytes) else _judged(found, judge)
            except TryAgainError as error:
                if told:
                    raise _BrokenOffError(f"{error}; what came of the answer is not all of it") from None
                raise

        return await self._patiently(attempt, cost)

    async def _patiently(self, attempt: Callable[[], Awaitable[Reply]], cost: RequestCost) -> Reply | Failure:
        """What an attempt gets, after as many of them as a request has."""
        began = asyncio.get_running_loop().time()
        attempts, throttled, spoiled = 0, 0, set[tuple[str, Usage]]()
        while True:
            try:
                async with self._throttle.slot() as sent:
                    try:
                        with cost.attempt() as charge:
                            answer = await attempt()
                            charge(answer.usage)
                    except ThrottledError as error:
                        self._throttle.throttled(sent, self._pause(throttled, error.wait))
                        raise
                    self._throttle.succeeded()
                self._nobody_there = 0
                return answer
            except RefusedError as error:
                return self._failure(str(error))
            except _BrokenOffError as error:
                return self._failure(str(error), is_of_prompt=False)
            except UnusableServerError as error:
                raise self._unusable(str(error)) from None
            except ThrottledError as error:
                throttled += 1
                if asyncio.get_running_loop().time() - began > PATIENCE_SECONDS:
                    return self._failure(f"{error} (for {PATIENCE_SECONDS:.0f} s)", is_of_prompt=False)
            except TryAgainError as error:
                attempts += 1
                if attempts == ATTEMPTS or _is_repeated(error, spoiled):
                    return self._give_up(error, attempts)
                await asyncio.sleep(self._pause(attempts - 1, None))

    def _pause(self, earlier: int, asked: float | None) -> float:
        """Seconds to wait: what the server asks for, or a random share of a growing limit."""
        if asked is not None:
            if asked > PATIENCE_SECONDS:
                raise self._given_up(f"it asks to wait {asked:.0f} s")
            return asked + random.uniform(0, 0.1 * BACKOFF_SECONDS)  # not all at the very same moment
        return random.uniform(0.5, 1.0) * min(BACKOFF_SECONDS * 2.0**earlier, LONGEST_BACKOFF_SECONDS)

    async def _post(self, path: str, payload: dict[str, Any]) -> bytes:
        async with self._responding(path, payload) as response:
            body = await read_body(response, LARGEST_BODY)
        return self._checked(response, body)

    async def _listen(self, path: str, payload: dict[str, Any], tell: Tell) -> Reply | bytes:
        """The answer, told as it comes; the body where it came whole."""
        async with self._responding(path, payload) as response:
            if response.status_code == 200:
                found = await listen(response, functools.partial(without_key_bytes, self._endpoint), tell)
            else:
                found = await read_body(response, LARGEST_BODY)
        return self._checked(response, found) if isinstance(found, bytes) else found

    @asynccontextmanager
    async def _responding(self, path: str, payload: dict[str, Any]) -> AsyncIterator[httpx.Response]:
        """The response to a request, to be read within the block; `AttemptError` where it cannot be."""
        import httpx

        assert self._http is not None
        seconds = self._endpoint.timeout_seconds
        try:
            async with asyncio.timeout(seconds):
                async with self._http.stream("POST", f"{self._endpoint.base_url}{path}", json=payload) as response:
                    yield response
        except TimeoutError:
            raise TryAgainError(f"no {'whole ' if 'stream' in payload else ''}answer within {seconds:g} s") from None
        except httpx.ConnectError as error:
            self._doubt()
            reason = f"nobody answers at {self._endpoint.base_url} ({error})"
            raise _NobodyThereError(reason, is_free=True) from None
        except httpx.HTTPError as error:
            self._doubt()
            raise TryAgainError(f"the connection broke ({type(error).__name__})") from None
        except TransferError as error:
            raise TryAgainError(str(error)) from None

    def _checked(self, response: httpx.Response, body: bytes) -> bytes:
        """The body without the key; `AttemptError` for a status that says that there is no answer."""
        if self._health is not None:
            self._health.answered(response.status_code)
        headers, body = response.headers, without_key_bytes(self._endpoint, body)
        raise_for_status(response.status_code, body, headers.get("Retry-After"), headers.get("Location", ""))
        return body

    def _give_up(self, error: TryAgainError, attempts: int) -> Failure:
        self._nobody_there = self._nobody_there + 1 if isinstance(error, _NobodyThereError) else 0
        if self._nobody_there >= (GONE_AFTER if self._health is None else 1):
            raise self._given_up(str(error))
        return self._failure(f"{error} ({attempts} attempts)", is_of_prompt=isinstance(error, SpoiledError))

    def _failure(self, reason: str, *, is_of_prompt: bool = True) -> Failure:
        return Failure(without_key(self._endpoint, reason), is_of_prompt)

    def _doubt(self) -> None:
        if self._health is not None:
            self._health.unanswered()

    def _given_up(self, reason: str) -> UserError | ServerGoneError:
        """The error of a server that is there no more, or not for long."""
        return self._unusable(reason) if self._health is None else ServerGoneError(without_key(self._endpoint, reason))

    def _unusable(self, reason: str) -> UserError:
        hint = f"check {self._endpoint.key_env} and the address; what is finished is kept, the same command continues"
        return UserError(f"{self._endpoint.base_url}: {without_key(self._endpoint, reason)}; {hint}")


class _NobodyThereError(TryAgainError):
    """No connection could be made."""


class _BrokenOffError(AttemptError):
    """An answer of which a part was told did not come to its end. It is charged for by its worst case."""


def _is_repeated(error: TryAgainError, earlier: set[tuple[str, Usage]]) -> bool:
    """Whether an answer without a text, which is charged for, came before with the same counts: it would for ever."""
    if not isinstance(error, SpoiledError) or not error.usage.is_known:
        return False
    is_known = (str(error), error.usage) in earlier
    earlier.add((str(error), error.usage))
    return is_known


def _read(body: bytes, judge: Callable[[Reply], None], unfinished: list[str]) -> Reply:
    """The answer in a body, if it is one that `judge` lets pass; texts of unfinished ones are remembered.

    An answer that seems broken off and comes again the same is whole: chance would have broken it elsewhere.
    """
    try:
        try:
            answer = parse_reply(body)
        except UnfinishedError as error:
            answer = error.reply
            if answer.text not in unfinished:
                unfinished.append(answer.text)
                raise
        return _judged(answer, judge)
    except UNREADABLE as error:
        raise TryAgainError(f"the answer cannot be read ({type(error).__name__})") from None


def _judged(answer: Reply, judge: Callable[[Reply], None]) -> Reply:
    """The answer, if it is one that `judge` lets pass."""
    try:
        judge(answer)
    except AttemptError as error:
        error.usage = answer.usage
        raise
    return answer
