"""One request at a time, for what is asked of a server before and beside a run: bounded in bytes and in seconds."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from evalkit.cards import Endpoint

from ._client import CONNECT_SECONDS, LARGEST_BODY, client_arguments
from ._keys import without_key_bytes
from ._protocol import RefusedError, load_json

if TYPE_CHECKING:
    import httpx

__all__ = ["Response", "open_client", "send"]


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


def open_client(endpoint: Endpoint) -> httpx.Client:
    """A client for the endpoint; the caller closes it."""
    import httpx

    return httpx.Client(**client_arguments(endpoint))


def send(
    http: httpx.Client, method: str, url: str, endpoint: Endpoint, json: object = None, *, seconds: float | None = None
) -> Response:
    """The response; `RefusedError` where it is too large or takes too long, `httpx` errors where there is none."""
    import httpx

    limit = min(seconds or endpoint.timeout_seconds, endpoint.timeout_seconds)
    until, body = time.monotonic() + limit, bytearray()
    waits = httpx.Timeout(limit, connect=CONNECT_SECONDS)
    try:
        with http.stream(method, url, json=json, timeout=waits) as response:
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > LARGEST_BODY:
                    raise RefusedError(f"the answer is larger than {LARGEST_BODY // 2**20} MiB")
                if time.monotonic() > until:  # a trickle never meets the limit of a single wait
                    raise RefusedError(f"no whole answer within {limit:g} s")
    except httpx.ReadTimeout:
        raise RefusedError(f"no answer within {limit:g} s") from None
    return Response(response.status_code, response.headers, without_key_bytes(endpoint, bytes(body)))
