"""A local server that serves, cuts, delays and breaks files on purpose, and a source that points at it."""

from __future__ import annotations

import hashlib
import http.server
from collections.abc import Iterator
from pathlib import Path

import pytest

from evalkit.data import GitOrigin, Source, SourceFile
from evalkit.data.fetching import _http as http_module
from tests.local_server import FileHandler, serving

COMMIT = "0123456789abcdef0123456789abcdef01234567"
BODY = b"".join(b'{"number": %d, "text": "%s"}\n' % (number, b"x" * 4000) for number in range(50))


class LocalServer(http.server.ThreadingHTTPServer):
    """Serves `files`; each request first takes the next entry of `faults`, if any."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.faults: list[str] = []
        self.requests: list[tuple[str, str, str | None]] = []

    @property
    def address(self) -> str:
        """Base of all addresses, without a final slash."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(FileHandler):
    server: LocalServer
    protocol_version = "HTTP/1.0"  # a body without a length ends with the connection

    def answer(self, *, with_body: bool) -> None:
        wanted = self.headers.get("Range")
        self.server.requests.append((self.command, self.path, wanted))
        fault = self.server.faults.pop(0) if self.server.faults else ""
        body = self.server.files.get(self.path)
        if body is None or fault.isdigit():
            return self.send(int(fault or 404), b"", {})
        start = 0 if fault == "ignore-range" or wanted is None else int(wanted.removeprefix("bytes=").split("-")[0])
        if start > len(body):
            return self.send(416, b"", {})
        headers = {"Content-Range": f"bytes {start}-{len(body) - 1}/{len(body)}"} if start else {}
        if fault == "wrong-place":
            headers = {"Content-Range": f"bytes {start + 1}-{len(body) - 1}/{len(body)}"}
        rest = body[start:] if with_body else b""
        if fault == "no-length":
            return self._send_without_length(rest)
        sent = rest[: len(rest) // 2] if fault == "cut" else rest
        return self.send(206 if headers else 200, sent, headers | self._facts(body, len(body) - start))

    def _facts(self, body: bytes, length: int) -> dict[str, str]:
        """The headers that the hub's client asks for, harmless to everyone else."""
        return {"Content-Length": str(length), "ETag": f'"{hashlib.sha256(body).hexdigest()}"', "X-Repo-Commit": COMMIT}

    def _send_without_length(self, body: bytes) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalServer]:
    """A running local server; proxies and waiting between attempts are off."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(http_module, "BACKOFF_SECONDS", 0.0)
    local = LocalServer()
    with serving(local):
        yield local


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder, and no other place to look in."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("EVALKIT_CACHE", str(folder))
    for name in ("EVALKIT_DATA", "EVALKIT_WHEELS", "EVALKIT_GIT_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture
def body() -> bytes:
    """The bytes of the one file of `git_source`: 50 records."""
    return BODY


@pytest.fixture
def git_source(server: LocalServer, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    """A pinned git source with one file, served by `server`; the cache is empty."""
    assert not cache.exists()
    monkeypatch.setenv("EVALKIT_GIT_ENDPOINT", server.address)
    server.files[f"/owner/repo/{COMMIT}/upstream/task%20one.jsonl"] = BODY
    digest = hashlib.sha256(BODY).hexdigest()
    file = SourceFile(
        path="Exam/task.jsonl", upstream="upstream/task one.jsonl", sha256=digest, bytes=len(BODY), records=50
    )
    return Source(
        name="toy",
        title="Toy",
        homepage="https://example.org",
        licence="MIT",
        folder="toy",
        origin=GitOrigin(repo="owner/repo", commit=COMMIT),
        files=(file,),
    )
