"""One request at a time, for what is asked of a server before and beside a run: bounded in bytes and in seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from evalkit.cards import Endpoint
from evalkit.transfer import Background, TooLargeError, TransferError

from .._keys import without_key_bytes
from ..protocol import RefusedError, TryAgainError, load_json
from ._body import LARGEST_BODY, read_body
from ._client import CONNECT_SECONDS, client_arguments

__all__ = ["Line", "Response", "open_line", "send"]


@dataclass(frozen=True, slots=True)
class Response:
    """What came back, whole."""

    status: int
    """Status."""
    headers: Mapping[str, str]
    """Headers, whose names compare without case."""
    body: bytes
    """The body, decoded."""

    def json(self) -> Any:
        """The body's value; `ValueError` where it is no JSON."""
        return load_json(self.body)


class Line:
    """Connections to one server, kept open between requests. Use as a context manager, or close it."""

    def __init__(self, endpoint: Endpoint) -> None:
        import httpx

        self.endpoint = endpoint
        """Where the requests go."""
        arguments = client_arguments(endpoint)  # a missing key is an error before a thread is started
        self._background = Background()
        self._http = httpx.AsyncClient(**arguments)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections and wait for it; a second time does nothing."""
        self.abandon()
        self._background.close()

    def abandon(self) -> None:
        """Let the connections be closed; for finalizers, which run wherever the garbage collector does."""
        self._background.end(self._http.aclose())

    def request(self, method: str, url: str, json: object, seconds: float) -> Response:
        """The response, after at most that many seconds; `TimeoutError` and `httpx` errors where there is none."""
        return self._background.run(self._request(method, url, json, seconds))

    async def _request(self, method: str, url: str, json: object, seconds: float) -> Response:
        import httpx

        waits = httpx.Timeout(seconds, connect=min(CONNECT_SECONDS, seconds))
        async with asyncio.timeout(seconds), self._http.stream(method, url, json=json, timeout=waits) as response:
            body = await read_body(response, LARGEST_BODY)
        return Response(response.status_code, response.headers, without_key_bytes(self.endpoint, body))


def open_line(endpoint: Endpoint) -> Line:
    """A line to the endpoint's server; the caller closes it."""
    return Line(endpoint)


def send(line: Line, method: str, url: str, json: object = None, *, seconds: float | None = None) -> Response:
    """The response; `RefusedError` where it is too large or takes too long, `httpx` errors where there is none."""
    import httpx

    limit = min(seconds or line.endpoint.timeout_seconds, line.endpoint.timeout_seconds)
    try:
        return line.request(method, url, json, limit)
    except (TimeoutError, httpx.ReadTimeout, httpx.WriteTimeout):
        raise RefusedError(f"no whole answer within {limit:g} s") from None
    except httpx.InvalidURL:
        raise RefusedError("this is no address") from None
    except TooLargeError as error:
        raise RefusedError(str(error)) from None
    except TransferError as error:
        raise TryAgainError(str(error)) from None
