"""`evalkit chat --web` as a process: how it ends, and what it leaves."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

CARD = Path(__file__).parents[3] / "model_cards" / "needle-tiny"
PATIENCE = 60
"""Seconds that the page may take to be there, or to be gone."""

Started = Callable[..., "subprocess.Popen[str]"]


def _hear_ctrl_c() -> None:
    """Jobs in the background of a shell ignore it, and so would their children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Started]:
    """Starts the command with temporary files in a folder of the test's: `start("--port", 7900)`."""
    started: list[subprocess.Popen[str]] = []
    folder = tmp_path / "temporary"
    folder.mkdir()

    def starting(*options: object) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "evalkit", "chat", str(CARD), "--web", *map(str, options)]
        started.append(
            subprocess.Popen(
                command, env={**os.environ, "TMPDIR": str(folder)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                text=True, preexec_fn=_hear_ctrl_c,
            )
        )  # fmt: skip
        return started[-1]

    yield starting
    for process in started:
        process.kill()
        process.communicate()


def address_of(process: subprocess.Popen[str]) -> str:
    """What the process says, once it does."""
    assert process.stderr is not None
    for line in process.stderr:
        if found := re.search(r"chat at (http://\S+)", line):
            return found[1]
    raise AssertionError("the process ended without an address")


def free_port() -> int:
    """One that nobody listens at."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_the_page_and_removes_uploads(start: Started, tmp_path: Path, end: signal.Signals) -> None:
    """With exit code 0, and one line; nothing of it is left in the folder of temporary files."""
    port = free_port()
    process = start("--port", port)
    address = address_of(process)
    assert f"http://127.0.0.1:{port}" == address
    uploaded = httpx.post(f"{address}/gradio_api/upload", files={"files": ("a.txt", b"text")}, timeout=PATIENCE)
    (file,) = map(Path, uploaded.json())
    assert file.is_relative_to(tmp_path) and file.read_bytes() == b"text"

    process.send_signal(end)
    out, err = process.communicate(timeout=PATIENCE)

    assert (0, "") == (process.returncode, out)
    assert "the page is closed" in err and "Traceback" not in err
    assert [] == list((tmp_path / "temporary").glob("evalkit-chat-*"))


def test_a_port_that_somebody_has_is_one_line(start: Started) -> None:
    """Exit code 2, before any weights are read."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        process = start("--port", port)
        out, err = process.communicate(timeout=PATIENCE)

    assert (2, "") == (process.returncode, out)
    (line,) = err.splitlines()
    assert f"--port {port} at 127.0.0.1: Address already in use; choose another --port" in line
