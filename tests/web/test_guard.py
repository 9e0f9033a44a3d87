"""What reaches the page's application: a stand-in for Gradio's that says what it was asked."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from evalkit.documents import LARGEST
from evalkit.web import _guard
from evalkit.web._guard import ENVELOPE, LARGEST_REQUEST, Guard

JOIN, UPLOAD = "/gradio_api/queue/join", "/gradio_api/upload"
PAGE = b"<html><script>one()</script><script data-gradio-mode>two()</script><script src=x></script>"


class Application:
    """What lies behind the guard."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, bytes]] = []
        """Address and body of what came through."""
        self.go_on = asyncio.Event()
        """Set = answers at once."""
        self.go_on.set()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        self.asked.append((scope["path"], body))
        await self.go_on.wait()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/html")]})
        await send({"type": "http.response.body", "body": PAGE[:20], "more_body": True})
        await send({"type": "http.response.body", "body": PAGE[20:]})


def asked(
    uploads: Path, path: str, method: str = "GET", headers: Mapping[str, str] | None = None, content: Any = None
) -> tuple[httpx.Response, list[tuple[str, bytes]]]:
    """The answer, and what came through."""

    async def asking() -> tuple[httpx.Response, list[tuple[str, bytes]]]:
        application = Application()
        through = httpx.ASGITransport(app=Guard(application, uploads, "127.0.0.1"))  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=through, base_url="http://127.0.0.1:7860") as client:
            return await client.request(method, path, headers=headers, content=content), application.asked

    return asyncio.run(asking())


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200), ("GET", "/?__theme=dark", 200), ("GET", "/assets/index-1.js", 200), ("POST", JOIN, 200),
        ("GET", "/gradio_api/queue/data", 200), ("GET", "/?deep_link=x", 404), ("GET", "/config", 404),
        ("GET", "/gradio_api/file=/etc/passwd", 404), ("GET", "/static/img/../x", 404), ("GET", "/assets/a/b", 404),
        ("GET", f"{UPLOAD}", 404), ("PUT", "/", 404), ("POST", "/", 404), ("GET", "/gradio_api/queue/data\n", 404),
    ],
)  # fmt: skip
def test_what_the_page_needs_comes_through_and_nothing_else(
    tmp_path: Path, method: str, path: str, status: int
) -> None:
    """What is refused never reaches the application."""
    found, came = asked(tmp_path, path.replace("\n", "%0A"), method, content=b"{}" if method == "POST" else None)

    assert (status, status == 200) == (found.status_code, bool(came))
    assert "nosniff" == found.headers["x-content-type-options"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200), ({"Host": "localhost:1"}, 200), ({"Host": "[::1]"}, 200), ({"Host": "evil.example"}, 421),
        ({"Host": "[::1"}, 421), ({"Host": ""}, 421), ({"Origin": "http://127.0.0.1:7860"}, 200),
        ({"Origin": "http://127.0.0.1:7861"}, 403), ({"Origin": "null"}, 403),
        ({"Origin": "https://evil.example"}, 403),
    ],
)  # fmt: skip
def test_other_names_and_origins_are_refused(tmp_path: Path, headers: dict[str, str], status: int) -> None:
    """A name that leads here, and a page of somewhere else."""
    found, came = asked(tmp_path, JOIN, "POST", headers, b"{}")

    assert (status, status == 200) == (found.status_code, bool(came))


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        (JOIN, {}, 411), (JOIN, {"Content-Length": "-1"}, 411), (JOIN, {"Content-Length": "²"}, 411),
        (JOIN, {"Content-Length": str(LARGEST_REQUEST + 1)}, 413), (UPLOAD, {"Content-Length": "5"}, 200),
        (UPLOAD, {"Content-Length": str(LARGEST + ENVELOPE)}, 200),
        (UPLOAD, {"Content-Length": str(LARGEST + ENVELOPE + 1)}, 413),
    ],
)  # fmt: skip
def test_sizes_are_looked_at_before_anything_is_read(
    tmp_path: Path, path: str, headers: dict[str, str], status: int
) -> None:
    """By what the request says of itself."""

    async def chunks() -> Any:
        yield b"{}"

    encoded = {name: value.encode("latin-1") for name, value in headers.items()}
    found, came = asked(tmp_path, path, "POST", encoded, chunks())  # type: ignore[arg-type]

    assert (status, status == 200) == (found.status_code, bool(came))


def test_a_request_names_uploads_only(tmp_path: Path) -> None:
    """Also deep inside, through a link, and by a way up; the whole of an honest one goes on."""
    uploads = tmp_path / "uploads"
    uploads.mkdir()
    mine, given = tmp_path / "mine.txt", uploads / "given.txt"
    mine.write_text("mine")
    given.write_text("given")
    (uploads / "link.txt").symlink_to(mine)
    honest = json.dumps({"data": [[{"a": {"path": str(given)}}], "text of " + "x" * 100_000]}).encode()
    bad = [str(mine), str(uploads / "link.txt"), f"{uploads}/../mine.txt", "https://example.org", "\0", None, ["x"], 3]

    assert [(JOIN, honest)] == asked(uploads, JOIN, "POST", content=honest)[1]
    for path in bad:
        for body in ({"data": [{"path": path}]}, {"data": [[{"deep": [{"path": path, "other": 1}]}]]}):
            found, came = asked(uploads, JOIN, "POST", content=json.dumps(body).encode())
            assert (400, []) == (found.status_code, came), path
    for junk in (b"", b"{", b"\xff", b"[" * 100_000):
        found, came = asked(uploads, JOIN, "POST", content=junk)
        assert (400, []) == (found.status_code, came)


def test_the_policy_names_the_scripts_of_the_page(tmp_path: Path) -> None:
    """Those that stand in it, however its bytes arrive, and no other; the page is as it was."""
    found, _ = asked(tmp_path, "/")
    policy = dict(part.strip().split(" ", 1) for part in found.headers["content-security-policy"].split(";"))
    digests = {f"'sha256-{base64.b64encode(hashlib.sha256(each).digest()).decode()}'" for each in (b"one()", b"two()")}

    assert PAGE == found.content
    assert {"'self'", "'unsafe-eval'", *digests} == set(policy["script-src"].split())
    assert (
        "'none'" == policy["default-src"] and "content-security-policy" not in asked(tmp_path, "/theme.css")[0].headers
    )


def test_uploads_are_few_at_once_and_the_oldest_goes(tmp_path: Path) -> None:
    """One more than may be waits while the others last; files that nobody read make room."""
    for number in range(_guard.UPLOADS_KEPT + 2):
        file = tmp_path / str(number) / "a.txt"
        file.parent.mkdir()
        file.write_text("a")
        os.utime(file, (number, number))

    async def many() -> tuple[int, list[int]]:
        application = Application()
        application.go_on.clear()
        through = httpx.ASGITransport(app=Guard(application, tmp_path, "127.0.0.1"))  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=through, base_url="http://127.0.0.1") as client:
            first = [asyncio.create_task(client.post(UPLOAD, content=b"a")) for _ in range(_guard.UPLOADS_AT_ONCE)]
            while len(application.asked) < len(first):
                await asyncio.sleep(0)
            late = asyncio.create_task(client.post(UPLOAD, content=b"a"))
            for _ in range(100):
                await asyncio.sleep(0)
            under_way = len(application.asked)
            application.go_on.set()
            return under_way, [(await each).status_code for each in (*first, late)]

    under_way, done = asyncio.run(many())

    assert (_guard.UPLOADS_AT_ONCE, [200] * (_guard.UPLOADS_AT_ONCE + 1)) == (under_way, done)
    left = {int(file.parent.name) for file in tmp_path.rglob("a.txt")}
    assert set(range(3, _guard.UPLOADS_KEPT + 2)) == left
