"""What a browser may ask of the page's server: all else is refused before Gradio sees it.

Gradio serves files, proxies, its own API and more. The page needs a dozen addresses; file values in a request may only
name what was uploaded; other origins and other names of this machine (DNS rebinding) are refused; what is sent is
bounded; and the policy of the page forbids it to load anything from elsewhere or to run what stands in a text.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import ipaddress
import json
import re
import socket
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from evalkit.documents import LARGEST

__all__ = ["LARGEST_REQUEST", "UPLOADS_AT_ONCE", "UPLOADS_KEPT", "Guard"]

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

LARGEST_REQUEST = 8 * 2**20
"""Bytes of a request that is no upload: a question, a gold answer, settings."""
ENVELOPE = 64 * 2**10
"""Bytes round a file in the request that uploads it."""
UPLOADS_AT_ONCE, UPLOADS_KEPT = 4, 16
"""Requests that upload at the same time, others wait; and files that are kept, an older one is removed."""
UPLOAD_STALLS = 30.0
"""Seconds without a byte after which an upload is given up."""

_GET = re.compile(
    r"/|/assets/[\w.-]+|/static/(?:img|js|fonts)/[\w./-]+|/theme\.css|/favicon\.ico|/manifest\.json"
    r"|/gradio_api/(?:theme\.css|startup-events|queue/data|heartbeat/\w+|upload_progress)"
)
_POST = re.compile(r"/gradio_api/(?:queue/join|cancel|reset|upload)")
_UPLOAD, _JOIN = "/gradio_api/upload", "/gradio_api/queue/join"
_SCRIPT = re.compile(rb"<script(?: data-gradio-mode)?>(.*?)</script>", re.DOTALL)
_POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-eval'{scripts}; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; worker-src 'none'; "
    "form-action 'none'; base-uri 'self'; frame-ancestors 'none'"
)
"""Gradio compiles its templates (`unsafe-eval`) and writes styles into elements; handlers in texts do not run."""
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
)


class Guard:
    """An ASGI application before Gradio's."""

    def __init__(self, app: App, uploads: Path, host: str) -> None:
        self._app = app
        self._uploads = uploads.resolve()
        self._names = {"localhost", host.lower(), socket.gethostname().lower(), socket.getfqdn().lower()}
        self._uploading = asyncio.Semaphore(UPLOADS_AT_ONCE)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer, or pass on."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        refusal = self._refusal(scope)
        if refusal is not None:
            await _refuse(send, *refusal)
        elif scope["path"] == _UPLOAD:
            await self._upload(scope, receive, send)
        elif scope["path"] == _JOIN:
            await self._join(scope, receive, send)
        else:
            await self._app(scope, receive, _Page(send) if scope["path"] == "/" else _with_headers(send))

    def _refusal(self, scope: Message) -> tuple[int, str] | None:
        """Status and reason, from the request's line and headers."""
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        host = headers.get("host", "")
        if not self._is_own(host):
            return 421, "not a name of this machine"
        if "origin" in headers and urlsplit(headers["origin"]).netloc.lower() != host.lower():
            return 403, "a page of another origin"
        allowed = {"GET": _GET, "HEAD": _GET, "POST": _POST}.get(scope["method"])
        if allowed is None or not allowed.fullmatch(scope["path"]) or ".." in scope["path"]:
            return 404, "nothing here"
        if scope["query_string"] and scope["path"] == "/" and b"deep_link" in scope["query_string"]:
            return 404, "nothing here"
        return _size_refusal(scope, headers) if scope["method"] == "POST" else None

    def _is_own(self, host: str) -> bool:
        """An address, or a name of this machine: a name of somebody else's that leads here is another site's."""
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        if name in self._names:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True

    async def _upload(self, scope: Message, receive: Receive, send: Send) -> None:
        async def soon() -> Message:
            try:
                return await asyncio.wait_for(receive(), UPLOAD_STALLS)
            except TimeoutError:
                return {"type": "http.disconnect"}

        async with self._uploading:
            _remove_oldest(self._uploads, UPLOADS_KEPT - 1)
            await self._app(scope, soon, _with_headers(send))

    async def _join(self, scope: Message, receive: Receive, send: Send) -> None:
        body = b""
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        if not self._names_uploads_only(body):
            await _refuse(send, 400, "a file that was not uploaded")
            return
        given = iter([{"type": "http.request", "body": body, "more_body": False}])

        async def again() -> Message:
            return next(given, None) or await receive()

        await self._app(scope, again, _with_headers(send))

    def _names_uploads_only(self, body: bytes) -> bool:
        try:
            return all(Path(path).resolve().is_relative_to(self._uploads) for path in _paths(json.loads(body)))
        except (TypeError, ValueError, RecursionError):
            return False


class _Page:
    """Sends the page with a policy that names the scripts in it."""

    def __init__(self, send: Send) -> None:
        self._send, self._start, self._body = send, {}, b""  # type: ignore[var-annotated]

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = dict(message)
            return
        self._body += message.get("body", b"")
        if message.get("more_body"):
            return
        digests = [base64.b64encode(hashlib.sha256(each).digest()).decode() for each in _SCRIPT.findall(self._body)]
        policy = _POLICY.format(scripts="".join(f" 'sha256-{digest}'" for digest in digests))
        headers = [*self._start["headers"], *_HEADERS, (b"content-security-policy", policy.encode())]
        await self._send({**self._start, "headers": headers})
        await self._send({"type": "http.response.body", "body": self._body})


def _size_refusal(scope: Message, headers: dict[str, str]) -> tuple[int, str] | None:
    length = headers.get("content-length", "")
    if not length.isdecimal() or "transfer-encoding" in headers:  # which would count instead
        return 411, "the size is not said"
    most = LARGEST + ENVELOPE if scope["path"] == _UPLOAD else LARGEST_REQUEST
    return (413, "too large") if int(length) > most else None


def _paths(value: Any) -> Iterator[Any]:
    """What a file value names, wherever in a request it stands."""
    if isinstance(value, dict):
        if "path" in value:
            yield value["path"]
        for each in value.values():
            yield from _paths(each)
    elif isinstance(value, list):
        for each in value:
            yield from _paths(each)


def _remove_oldest(folder: Path, keeping: int) -> None:
    """Remove files that nobody has read, but the newest so many."""
    files = sorted((path for path in folder.rglob("*") if path.is_file()), key=lambda path: -path.stat().st_mtime)
    for path in files[keeping:]:
        path.unlink(missing_ok=True)


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *_HEADERS]}
        await send(message)

    return sending


async def _refuse(send: Send, status: int, reason: str) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), *_HEADERS]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": reason.encode()})
