"""Downloads end: in bytes and in seconds, whatever a mirror sends; nothing bad is kept."""

from __future__ import annotations

import gzip
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants

from evalkit.data import HubOrigin, Source, SourceFile
from evalkit.data.fetching import _fetch, _http, _hub
from evalkit.data.fetching._http import download
from evalkit.errors import DataError

Pieces = Callable[[], Iterator[bytes]]
OVER = threading.Event()
"""Set when a test is over, so that no mirror goes on."""
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Pieces], str]]:
    """Starter of a mirror that answers every request with these bytes, headers included; its address."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(_http, "BACKOFF_SECONDS", 0.0)
    OVER.clear()
    listeners: list[socket.socket] = []

    def answer(connection: socket.socket, pieces: Pieces) -> None:
        try:
            connection.recv(65536)
            for piece in pieces():
                connection.sendall(piece)
        except OSError:
            pass  # the client has had enough
        finally:
            connection.close()

    def accept(listener: socket.socket, pieces: Pieces) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(connection, pieces), daemon=True).start()

    def start(pieces: Pieces) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)
        threading.Thread(target=accept, args=(listener, pieces), daemon=True).start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    yield start
    OVER.set()
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def head(*lines: str) -> bytes:
    """The beginning of an answer of status 200."""
    return "\r\n".join(["HTTP/1.1 200 OK", *lines, "", ""]).encode()


def trickling(first: bytes) -> Iterator[bytes]:
    """Something now and then, for ever."""
    yield first
    while not OVER.wait(0.01):
        yield b"x"


def endless(*lines: str) -> Iterator[bytes]:
    """As much as the line carries, for ever."""
    yield head(*lines)
    while True:
        yield b"10000\r\n" + b"x" * 65536 + b"\r\n"


def ignore(_: object) -> None:
    """A progress report that nobody reads."""


@pytest.mark.parametrize(
    ("first", "reason"),
    [
        (head("Content-Length: 1000000"), "bytes came within 0.1 s"),
        (b"HTTP/1.1 200 OK\r\nX-Long: ", "no answer within"),
    ],
    ids=["body", "headers"],
)
def test_a_trickle_is_given_up(
    mirror: Callable[[Pieces], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: bytes, reason: str
) -> None:
    """A byte now and then never meets the limit of one wait; after every attempt's window it is over."""
    monkeypatch.setattr(_http, "WINDOW_SECONDS", 0.1)

    with pytest.raises(DataError, match=rf"{reason}.* \(5 attempts\)"):
        download(mirror(lambda: trickling(first)), tmp_path / "part", 1_000_000, ignore)


@pytest.mark.parametrize("size", [None, 100_000])
def test_an_endless_answer_is_refused(
    mirror: Callable[[Pieces], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int | None
) -> None:
    """Nothing larger than the file can be is stored; of an unpinned file nothing is kept."""
    monkeypatch.setattr(_http, "LARGEST_BYTES", 2**20)
    seen: list[int] = []
    part = tmp_path / "part"
    address = mirror(lambda: endless("Transfer-Encoding: chunked"))

    if size is None:
        with pytest.raises(DataError, match="larger than 1 MiB: another file"):
            download(address, part, size, seen.append)
    else:
        download(address, part, size, seen.append)  # the caller sees that the digest is another

    assert max(seen) <= (size or 2**20) + _http.PAST_THE_END
    assert part.exists() is (size is not None)


def test_a_length_that_is_too_large_is_refused_at_once(mirror: Callable[[Pieces], str], tmp_path: Path) -> None:
    """Nothing is stored."""
    pieces = lambda: iter([head(f"Content-Length: {10**12}"), b"x" * 1000])  # noqa: E731

    with pytest.raises(DataError, match="larger than 32 MiB"):
        download(mirror(pieces), tmp_path / "part", None, ignore)

    assert not (tmp_path / "part").exists()


@pytest.mark.parametrize("size", [None, 1000])
def test_a_bomb_is_refused(
    mirror: Callable[[Pieces], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int | None
) -> None:
    """What is decoded counts, before it is decoded."""
    monkeypatch.setattr(_http, "LARGEST_BYTES", 2**20)
    bomb = gzip.compress(b"x" * 2**26)
    pieces = lambda: iter([head("Content-Encoding: gzip", f"Content-Length: {len(bomb)}"), bomb])  # noqa: E731

    with pytest.raises(DataError, match="larger than"):
        download(mirror(pieces), tmp_path / "part", size, ignore)

    assert not (tmp_path / "part").exists()


@pytest.mark.parametrize("address", ["http://[", "http://h:x/", "nonsense"])
def test_an_address_that_is_none_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """As `EVALKIT_GIT_ENDPOINT` may hold it."""
    monkeypatch.setattr(_http, "BACKOFF_SECONDS", 0.0)

    with pytest.raises(DataError, match="cannot download"):
        download(address, tmp_path / "part", None, ignore)


def test_a_mirrors_password_is_in_no_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An address may carry one; the message shows the address without."""
    monkeypatch.setattr(_http, "BACKOFF_SECONDS", 0.0)

    with pytest.raises(DataError, match=r"cannot download http://127\.0\.0\.1:9/x") as caught:
        download("http://me:swordfish@127.0.0.1:9/x", tmp_path / "part", None, ignore)

    assert "swordfish" not in str(caught.value)


def test_who_waits_for_another_process_waits_for_a_bounded_time(
    git_source: Source, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock is not waited for for ever."""
    from filelock import FileLock

    monkeypatch.setattr(_fetch, "LOCK_TIMEOUT_SECONDS", 0.1)
    cache.mkdir(parents=True)

    with FileLock(cache / ".toy.lock", is_singleton=False), pytest.raises(DataError, match="wait for it"):
        _fetch.fetch_file(git_source, git_source.files[0])


@pytest.fixture
def hub_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Downloader of a file of 1,000 bytes from a hub at an address."""
    for name, value in {
        "HF_HUB_CACHE": str(tmp_path / "hub"),
        "HF_HUB_OFFLINE": False,
        "HF_HUB_DISABLE_PROGRESS_BARS": True,
        "DOWNLOAD_CHUNK_SIZE": 65536,
    }.items():
        monkeypatch.setattr(constants, name, value)
    file = SourceFile(path="a.jsonl", upstream="a.jsonl", sha256=None, bytes=1000, records=None)

    def fetch(address: str) -> Path:
        monkeypatch.setenv("HF_ENDPOINT", address)
        return _hub.hub_file(HubOrigin(repo="owner/repo", revision=COMMIT), file, again=False)

    return fetch


FACTS = (f"X-Repo-Commit: {COMMIT}", 'ETag: "1234567890"')


def test_an_endless_hub_is_refused(mirror: Callable[[Pieces], str], hub_file: Callable[[str], Path]) -> None:
    """More than the file has is not stored, whatever length the hub tells."""
    with pytest.raises(DataError, match="more than the 1000 bytes of the file came: check HF_ENDPOINT"):
        hub_file(mirror(lambda: endless(*FACTS, "Transfer-Encoding: chunked")))


def test_a_hub_that_trickles_is_given_up(
    mirror: Callable[[Pieces], str], hub_file: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without progress for long, whatever the client itself waits for."""
    monkeypatch.setattr(_hub, "WINDOW_SECONDS", 0.5)

    with pytest.raises(DataError, match=r"no progress within 0\.5 s: check HF_ENDPOINT"):
        hub_file(mirror(lambda: trickling(head(*FACTS, "Content-Length: 1000"))))
