"""What the page's server gives to whom, asked without a browser."""

from __future__ import annotations

import json
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from evalkit.chatting import Conversation
from evalkit.documents import LARGEST
from evalkit.web import _guard, _serve
from evalkit.web._sessions import Reader, Session
from tests.browser.chat.conftest import Serve
from tests.browser.chat.scripted import scripted

SECRET = "sk-test-0123456789abcdef"
CHUNKED = "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
"""What would count instead of the size that is said."""
PATIENT = 30
"""Seconds that an answer may take where the processors are busy."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A page of a model, served with a key in the environment, and settings that would open it."""
    model, _ = scripted(lambda _: ["yes"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_API_KEY", SECRET)
        patch.setenv("GRADIO_ALLOWED_PATHS", "/")
        patch.setenv("GRADIO_MCP_SERVER", "true")
        with _serve.opened(model, Session(Conversation()), port=0, note=lambda _: None) as found:
            yield found


def uploads_folder() -> Path:
    """Where Gradio keeps what is uploaded."""
    return Path(os.environ["GRADIO_TEMP_DIR"])


def upload(address: str, name: str = "a.txt", data: bytes = b"text", **options: Any) -> httpx.Response:
    """Upload a file."""
    return httpx.post(f"{address}/gradio_api/upload", files={"files": (name, data)}, timeout=PATIENT, **options)


def paths_to(file: Path) -> list[str]:
    """Ways to ask for a file."""
    plain = str(file)
    encoded = plain.replace("/", "%2F").replace(".", "%2e")
    up = "../" * 12
    return [
        f"/gradio_api/file={plain}", f"/gradio_api/file={encoded}", f"/gradio_api/file/{plain}", f"/file={plain}",
        f"/gradio_api/file={up}{plain[1:]}", f"/static/{up}{plain[1:]}", f"/assets/{encoded}", f"/svelte/{encoded}",
        f"/assets/..%2f..%2f{encoded}", f"/static/img/{up}{plain[1:]}", f"/gradio_api/file=file://{plain}",
        "/static/img/..%2f..%2f..%2f..%2fgradio/routes.py", f"/gradio_api/proxy={plain}", f"/%2e%2e{plain}",
        f"//{plain}", f"/gradio_api/stream/a/b/1/{encoded}.ts", f"/?deep_link={up}{plain[1:]}",
        f"/gradio_api/custom_component/x/client/{encoded}/y",
    ]  # fmt: skip


def test_no_file_of_the_machine_is_read(address: str, tmp_path: Path) -> None:
    """Neither of the system, of the user, of the working folder, nor another session's upload, nor through a link."""
    mine = tmp_path / "mine.txt"
    mine.write_text("INSIDE")
    link = uploads_folder() / "link.txt"
    link.symlink_to(mine)
    uploaded = Path(upload(address, data=b"INSIDE").json()[0])
    files = [Path("/etc/passwd"), mine, link, uploaded, Path.cwd() / "pyproject.toml", Path.home() / ".bashrc"]
    for file in files:
        for path in paths_to(file):
            found = httpx.get(address + path, timeout=PATIENT)
            assert "INSIDE" not in found.text and "root:" not in found.text and "[build-system]" not in found.text, path
            assert found.status_code in (400, 404), path


@pytest.mark.parametrize(
    "path",
    [
        "/config", "/gradio_api/info", "/gradio_api/openapi.json", "/gradio_api/call/ask", "/gradio_api/run/predict",
        "/gradio_api/api/predict", "/gradio_api/component_server", "/gradio_api/deep_link?session_hash=a", "/docs",
        "/openapi.json", "/monitoring", "/monitoring/summary", "/gradio_api/queue/status", "/gradio_api/runs",
        "/gradio_api/run-history/buckets", "/gradio_api/mcp/sse", "/gradio_api/dev/reload", "/dev/reload", "/login",
        "/gradio_api/proxy=https://example.hf.space/x", "/gradio_api/file=https://example.org/x",
        "/gradio_api/vibe-editor/",
    ],
)  # fmt: skip
def test_nothing_else_of_gradio_answers(address: str, path: str) -> None:
    """No API, no proxy, no history, no monitoring."""
    for method in ("GET", "POST", "HEAD", "PUT", "OPTIONS"):
        assert httpx.request(method, address + path, timeout=PATIENT).status_code in (404, 411), method


def test_a_request_may_name_uploads_only(address: str) -> None:
    """A file value that names another file, or an address, is refused, wherever in a request it stands."""

    def asked(value: Any) -> int:
        body = {"data": [value], "fn_index": 3, "session_hash": "abc"}
        return httpx.post(f"{address}/gradio_api/queue/join", json=body, timeout=PATIENT).status_code

    def file(path: Any) -> dict[str, Any]:
        return {"path": path, "meta": {"_type": "gradio.FileData"}}

    uploaded = upload(address).json()[0]
    for path in ("/etc/passwd", "https://example.org/x", f"{uploaded}/../../../../../etc/passwd", "\x00", None, ["x"]):
        assert asked(file(path)) == 400
        assert asked([{"deeper": file(path)}]) == 400
    body = {"data": [file(uploaded)], "fn_index": 3, "session_hash": "abc"}
    assert "not uploaded" not in httpx.post(f"{address}/gradio_api/queue/join", json=body, timeout=PATIENT).text


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://example.org"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),  # another server of this machine is another origin
        ({"Host": "example.org"}, 421),  # a name that was made to lead here
        ({"Host": "localhost.example.org"}, 421),
        ({"Host": "127.0.0.1.example.org"}, 421),
        ({"Host": ""}, 421),
        ({"Host": "localhost"}, 200),
        ({"Host": "[::1]:80"}, 200),
    ],
)
def test_other_origins_and_names_are_refused(address: str, headers: dict[str, str], status: int) -> None:
    """For reading, asking and uploading alike."""
    assert httpx.get(address, headers=headers, timeout=PATIENT).status_code == status
    if status != 200:
        assert upload(address, headers=headers).status_code == status
        assert (
            httpx.post(f"{address}/gradio_api/queue/join", json={}, headers=headers, timeout=PATIENT).status_code
            == status
        )
    assert "access-control-allow-origin" not in httpx.get(address, headers=headers, timeout=PATIENT).headers


def test_uploads_are_bounded(address: str) -> None:
    """In size, before a byte of it is read, and in number: the oldest goes."""
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=PATIENT) as line:
        request = f"POST /gradio_api/upload HTTP/1.1\r\nHost: {host}\r\nContent-Length: {LARGEST + 2**20}\r\n\r\n"
        line.sendall(request.encode())
        assert line.recv(100).startswith(b"HTTP/1.1 413")
    assert httpx.post(f"{address}/gradio_api/upload", content=iter([b"x"])).status_code == 411
    twice = f"POST /gradio_api/queue/join HTTP/1.1\r\nHost: {host}\r\nContent-Length: 5\r\n{CHUNKED}"
    with socket.create_connection((host, int(port)), timeout=PATIENT) as line:
        line.sendall(twice.encode())
        assert line.recv(100).startswith(b"HTTP/1.1 411")
    for number in range(_guard.UPLOADS_KEPT + 3):
        assert upload(address, data=str(number).encode()).status_code == 200
    kept = [path for path in uploads_folder().rglob("*") if path.is_file()]
    assert len(kept) == _guard.UPLOADS_KEPT


def test_uploads_that_never_end_are_given_up(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """They hold nobody up for longer."""
    monkeypatch.setattr(_guard, "UPLOAD_STALLS", 0.3)
    host, port = address.removeprefix("http://").split(":")
    kind = "multipart/form-data; boundary=x"
    head = f"POST /gradio_api/upload HTTP/1.1\r\nHost: {host}\r\nContent-Type: {kind}\r\nContent-Length: 99\r\n\r\n"
    with ExitStack() as lines:
        for _ in range(_guard.UPLOADS_AT_ONCE):
            line = lines.enter_context(socket.create_connection((host, int(port)), timeout=PATIENT))
            line.sendall(head.encode())
        assert upload(address).status_code == 200


def test_two_sessions_may_upload_the_same_file(tmp_path: Path) -> None:
    """It lies at one place, and whoever reads it first leaves it to the other."""
    file = tmp_path / "same.txt"
    file.write_text("same")
    reader = Reader(tmp_path)
    assert [reader.read(str(file), lambda upload: upload[1]) for _ in range(2)] == [b"same"] * 2


def test_the_folder_is_the_users_alone_and_goes(notes: list[str]) -> None:
    """Uploads lie in a folder that nobody else can enter, and are gone when the page is."""
    model, _ = scripted(lambda _: ["yes"])
    with _serve.opened(model, Session(Conversation()), port=0, note=notes.append) as address:
        folder = uploads_folder()
        upload(address)
        assert any(path.is_file() for path in folder.rglob("*"))
        assert stat.S_IMODE(folder.parent.stat().st_mode) == 0o700
    assert not folder.parent.exists()
    assert notes == []


def test_the_page_holds_no_secret_and_loads_nothing_foreign(address: str) -> None:
    """No key, no folder of this machine; the policy allows no other origin and no script that is not its own."""
    found = httpx.get(address, timeout=PATIENT)
    assert SECRET not in found.text
    for place in (str(Path.home()), str(Path.cwd()), str(uploads_folder())):
        assert len(place) < 3 or place not in found.text
    policy = dict(part.strip().split(" ", 1) for part in found.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'" and policy["connect-src"] == "'self'"
    assert "unsafe-inline" not in policy["script-src"] and "http" not in str(policy)
    assert "share" not in json.dumps(dict(found.headers))
    assert "fonts.googleapis" not in httpx.get(f"{address}/theme.css").text


def test_analytics_are_off(address: str) -> None:  # noqa: ARG001
    """Gradio neither reports nor asks for its newest version."""
    import gradio
    from gradio import analytics

    assert analytics.analytics_enabled() is False
    assert os.environ["HF_HUB_DISABLE_TELEMETRY"]
    assert not any(name.startswith(("GRADIO_MCP", "GRADIO_ALLOWED")) for name in os.environ)
    assert gradio.__version__.startswith("6.")


def test_a_port_in_use_is_one_line(serve: Serve, notes: list[str]) -> None:
    """An explicit one is refused; without one the next free one is taken."""
    from evalkit.errors import UserError

    model, _ = scripted(lambda _: ["yes"])
    taken = int(serve(model).rpartition(":")[2])
    with pytest.raises(UserError, match=f"--port {taken} at 127.0.0.1: Address already in use"):
        _serve._listener("127.0.0.1", taken)
    with pytest.raises(UserError, match="a port is a number"):
        _serve._listener("127.0.0.1", 70_000)
    first = _serve._listener("127.0.0.1", None)
    second = _serve._listener("127.0.0.1", None)
    with first, second:
        assert first.getsockname()[1] < second.getsockname()[1]
    assert notes == []


def test_another_host_warns(notes: list[str]) -> None:
    """In one line that says what it means."""
    model, _ = scripted(lambda _: ["yes"])
    with _serve.opened(model, Session(Conversation()), host="0.0.0.0", port=0, note=notes.append):
        assert len(notes) == 1
        assert "anyone" in notes[0] and "no password" in notes[0]
