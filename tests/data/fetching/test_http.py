"""Downloads over a bad line, against a local server."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from evalkit.data.fetching._http import ATTEMPTS, download
from evalkit.errors import DataError

if TYPE_CHECKING:
    from conftest import LocalServer


@pytest.fixture
def address(server: LocalServer, body: bytes) -> str:
    """Address of a file that holds `body`."""
    server.files["/file"] = body
    return f"{server.address}/file"


def ignore(_: int) -> None:
    """A progress report that nobody reads."""


def test_a_whole_file_arrives(address: str, body: bytes, tmp_path: Path) -> None:
    """The part file holds exactly the bytes the server has."""
    part = tmp_path / "file.part"

    download(address, part, len(body), ignore)

    assert body == part.read_bytes()


def test_progress_counts_up_to_the_size(address: str, body: bytes, tmp_path: Path) -> None:
    """The report grows and ends at the size of the file."""
    seen: list[int] = []

    download(address, tmp_path / "file.part", len(body), seen.append)

    assert seen == sorted(seen)
    assert len(body) == seen[-1]


def test_a_cut_connection_is_resumed(server: LocalServer, address: str, body: bytes, tmp_path: Path) -> None:
    """After half of the file the second request asks for the other half only."""
    part = tmp_path / "file.part"
    server.faults = ["cut"]

    download(address, part, len(body), ignore)

    assert body == part.read_bytes()
    assert [None, f"bytes={len(body) // 2}-"] == [wanted for _, _, wanted in server.requests]


def test_a_beginning_of_an_earlier_run_is_used(server: LocalServer, address: str, body: bytes, tmp_path: Path) -> None:
    """A part file left by an interrupted process is continued, not repeated."""
    part = tmp_path / "file.part"
    part.write_bytes(body[:1000])

    download(address, part, len(body), ignore)

    assert body == part.read_bytes()
    assert ["bytes=1000-"] == [wanted for _, _, wanted in server.requests]


def test_a_complete_part_needs_no_request(server: LocalServer, address: str, body: bytes, tmp_path: Path) -> None:
    """A process that died between download and rename loses nothing."""
    part = tmp_path / "file.part"
    part.write_bytes(body)

    download(address, part, len(body), ignore)

    assert [] == server.requests


@pytest.mark.parametrize("fault", ["ignore-range", "wrong-place", "416"])
def test_a_server_that_cannot_resume_sends_everything(
    server: LocalServer, address: str, body: bytes, tmp_path: Path, fault: str
) -> None:
    """Ignored, misplaced and refused ranges all end with the whole file."""
    part = tmp_path / "file.part"
    part.write_bytes(body[:1000])
    server.faults = [fault]

    download(address, part, len(body), ignore)

    assert body == part.read_bytes()


def test_too_long_a_beginning_is_thrown_away(server: LocalServer, address: str, body: bytes, tmp_path: Path) -> None:
    """A part file longer than the pinned size cannot be a beginning of the file."""
    part = tmp_path / "file.part"
    part.write_bytes(body + b"more")

    download(address, part, len(body), ignore)

    assert body == part.read_bytes()
    assert [None] == [wanted for _, _, wanted in server.requests]


def test_a_server_error_is_tried_again(server: LocalServer, address: str, body: bytes, tmp_path: Path) -> None:
    """500 and 503 pass; the third answer counts."""
    part = tmp_path / "file.part"
    server.faults = ["500", "503"]

    download(address, part, len(body), ignore)

    assert body == part.read_bytes()
    assert 3 == len(server.requests)


def test_retries_are_bounded(server: LocalServer, address: str, body: bytes, tmp_path: Path) -> None:
    """A server that stays broken ends with one line that names the address and the status."""
    server.faults = ["503"] * 100

    with pytest.raises(DataError, match=r"/file: the server answered 503 \(5 attempts\)"):
        download(address, tmp_path / "file.part", len(body), ignore)

    assert ATTEMPTS == len(server.requests)


def test_waiting_doubles_between_attempts(
    server: LocalServer, address: str, body: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pauses are the back-off and its doubles, one fewer than the attempts."""
    waited: list[float] = []
    monkeypatch.setattr("evalkit.data.fetching._http.BACKOFF_SECONDS", 0.5)
    monkeypatch.setattr(time, "sleep", waited.append)
    server.faults = ["500"] * 4

    download(address, tmp_path / "file.part", len(body), ignore)

    assert [0.5, 1.0, 2.0, 4.0] == waited


@pytest.mark.parametrize(("status", "reason"), [("404", "the file is not there"), ("403", "access is refused")])
def test_a_final_refusal_is_not_tried_again(
    server: LocalServer, address: str, body: bytes, tmp_path: Path, status: str, reason: str
) -> None:
    """404 and 403 stop at once, say why, and leave no part file."""
    part = tmp_path / "file.part"
    server.faults = [status]

    with pytest.raises(DataError, match=reason):
        download(address, part, len(body), ignore)

    assert 1 == len(server.requests)
    assert not part.exists()


@pytest.mark.usefixtures("server")
def test_an_unreachable_server_is_an_error_of_one_line(body: bytes, tmp_path: Path, unused_address: str) -> None:
    """Without a connection the message names the address and what to do."""
    with pytest.raises(DataError, match="EVALKIT_DATA") as caught:
        download(unused_address, tmp_path / "file.part", len(body), ignore)

    assert unused_address in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.fixture
def unused_address() -> str:
    """An address where nothing listens: the port of a socket that is closed again."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/file"


def test_an_answer_of_unknown_length_is_refused_without_a_pinned_size(
    server: LocalServer, address: str, tmp_path: Path
) -> None:
    """Nothing could tell a cut answer from a whole one."""
    server.faults = ["no-length"]

    with pytest.raises(DataError, match="does not say how long"):
        download(address, tmp_path / "file.part", None, ignore)


def test_an_answer_of_unknown_length_is_held_to_the_pinned_size(
    server: LocalServer, address: str, body: bytes, tmp_path: Path
) -> None:
    """A pinned size replaces the missing header; a shorter answer is continued."""
    part = tmp_path / "file.part"
    server.faults = ["no-length"]

    download(address, part, len(body), ignore)

    assert body == part.read_bytes()


def test_an_endless_answer_stops_beyond_the_pinned_size(
    server: LocalServer, address: str, body: bytes, tmp_path: Path
) -> None:
    """No more than one block beyond the size is stored."""
    part = tmp_path / "file.part"
    server.files["/file"] = body * 40

    download(address, part, len(body), ignore)

    assert len(body) < part.stat().st_size < 2 * len(body)
