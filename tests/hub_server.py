"""A small Hugging Face hub on this machine: model pages, files, commits that move, and faults on purpose."""

from __future__ import annotations

import hashlib
import http.server
import io
import json
import logging
import threading
import time
import types
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.local_server import FileHandler, serving

__all__ = ["HubServer", "commit_of", "running_hub", "set_offline", "unreachable_hub"]

ENDLESS_BYTES = 2**27
"""What a client swallows at most of a body without an end before the server gives up, and the test fails."""


def commit_of(number: int) -> str:
    """The commit with that number: 40 hexadecimal digits."""
    return hashlib.sha1(str(number).encode()).hexdigest()


class HubServer(http.server.ThreadingHTTPServer):
    """Serves the files of models at their commits.

    `faults` maps the last part of a path (`config.json`), or `list` for model pages, to what goes wrong there: `cut`
    once, `endless`, `silent`, or a status.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.commits: dict[str, dict[str, dict[str, bytes]]] = {}
        """Model → commit → path → content."""
        self.branches: dict[str, str] = {}
        """Model → commit of its main branch."""
        self.renamed: dict[str, str] = {}
        """Former name of a model → present one."""
        self.gated: set[str] = set()
        self.tokens: list[str | None] = []
        self.faults: dict[str, str] = {}
        self.requests: list[tuple[str, str]] = []
        self.swallowed = 0
        self.over = threading.Event()

    @property
    def address(self) -> str:
        """What `HF_ENDPOINT` is set to."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def push(self, repo: str, files: dict[str, bytes]) -> str:
        """A new commit of main with these files; the commit."""
        commits = self.commits.setdefault(repo, {})
        commit = commit_of(len(commits))
        commits[commit] = files
        self.branches[repo] = commit
        return commit

    def push_folder(self, repo: str, folder: Path, **more: bytes) -> str:
        """A new commit of main with the files of a folder, and more."""
        files = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
        return self.push(repo, files | more)

    def downloads(self) -> list[str]:
        """Names of the files that were sent, in the order of asking."""
        return [path.rpartition("/")[2] for command, path in self.requests if command == "GET" and "/resolve/" in path]


class _Handler(FileHandler):
    server: HubServer

    def answer(self, *, with_body: bool) -> None:
        path = urllib.parse.unquote(self.path)
        self.server.requests.append((self.command, path))
        self.server.tokens.append(self.headers.get("Authorization"))
        is_page = path.startswith("/api/models/")
        parts = path.removeprefix("/api/models/").strip("/").split("/")
        repo = "/".join(parts[:2])
        fault = self.server.faults.get("list" if is_page else parts[-1], "")
        if fault.isdigit():
            return self.send(int(fault), b"", {})
        if repo in self.server.renamed:
            return self.send(307, b"", {"Location": self.path.replace(repo, self.server.renamed[repo])})
        if repo not in self.server.commits:
            return self.send(401, b"", {"X-Error-Code": "RepoNotFound"})
        if repo in self.server.gated and self.headers.get("Authorization") is None:
            return self.send(401, b"", {"X-Error-Code": "GatedRepo"})
        if fault == "silent":
            self.close_connection = True
            self.server.over.wait(10)
            return None
        if fault == "endless" and with_body:
            return self._send_endless()
        revision = parts[3] if len(parts) > 3 else "main"
        commit = self.server.branches[repo] if revision == "main" else revision
        files = self.server.commits[repo].get(commit)
        if files is None:
            return self.send(404, b"", {"X-Error-Code": "RevisionNotFound"})
        if is_page:
            return self.send(200, _page(repo, commit, files), {})
        return self._send_file("/".join(parts[4:]), commit, files, with_body)

    def _send_file(self, path: str, commit: str, files: dict[str, bytes], with_body: bool) -> None:
        body = files.get(path)
        if body is None:
            return self.send(404, b"", {"X-Error-Code": "EntryNotFound"})
        start = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").split("-")[0])
        facts = {"ETag": f'"{hashlib.sha256(body).hexdigest()}"', "X-Repo-Commit": commit}
        if start:
            facts["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        rest = body[start:]
        facts["Content-Length"] = str(len(rest))
        is_cut = with_body and self.server.faults.get(path) == "cut"
        if is_cut:
            del self.server.faults[path]
            self.close_connection = True
        sent = rest[: len(rest) // 2] if is_cut else rest
        return self.send(206 if start else 200, sent if with_body else b"", facts)

    def _send_endless(self) -> None:
        """A body in pieces that goes on until the client has enough."""
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        piece = b"10000\r\n" + b" " * 2**16 + b"\r\n"
        try:
            while self.server.swallowed < ENDLESS_BYTES:
                self.wfile.write(piece)
                self.server.swallowed += 2**16
        except OSError:
            pass
        self.close_connection = True


def _page(repo: str, commit: str, files: dict[str, bytes]) -> bytes:
    siblings = [{"rfilename": path} for path in files]
    return json.dumps({"id": repo, "sha": commit, "siblings": siblings, "tags": ["license:mit"]}).encode()


@contextmanager
def running_hub() -> Iterator[HubServer]:
    """A hub without models, running until the block ends."""
    hub = HubServer()
    with serving(hub):
        yield hub
        hub.over.set()


def set_offline(monkeypatch: pytest.MonkeyPatch, is_offline: bool) -> None:
    """Switch the hub off or on, in the environment and in its client, which reads that once."""
    from huggingface_hub import constants

    monkeypatch.setenv("HF_HUB_OFFLINE", str(int(is_offline)))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", is_offline)


def unreachable_hub(monkeypatch: pytest.MonkeyPatch, address: str) -> io.StringIO:
    """Let `HF_ENDPOINT` name a hub that nobody reaches, tried again without waiting; what the client's handlers write.

    They are made anew, as those of the client write to the standard error of the moment it was imported.
    """
    from huggingface_hub import constants
    from huggingface_hub.utils import _http

    set_offline(monkeypatch, False)
    monkeypatch.setenv("HF_ENDPOINT", address)
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(constants, "ENDPOINT", address)
    monkeypatch.setattr(_http, "time", types.SimpleNamespace(**{**vars(time), "sleep": lambda _: None}))
    written = io.StringIO()
    monkeypatch.setattr(logging.getLogger("huggingface_hub"), "handlers", [logging.StreamHandler(written)])
    return written
