"""Wheels through pip, with a stand-in for pip."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from evalkit.data import SourceFile, WheelOrigin
from evalkit.data.fetching._pip import downloaded_wheel
from evalkit.errors import DataError

ORIGIN = WheelOrigin(project="toy", version="1.0")
FILE = SourceFile(
    path="toy-1.0-py3-none-any.whl", upstream="toy-1.0-py3-none-any.whl", sha256=None, bytes=None, records=None
)


def stand_in(folder: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> Path:
    """Makes `sys.executable` a shell script that records its arguments and then does `body`."""
    script = folder / "python"
    script.write_text(f'#!/bin/sh\necho "$@" > {folder}/arguments\n{body}\n')
    script.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(script))
    return folder / "arguments"


# In the stand-in, ${10} is what follows --dest.
DEST = '"${10}"'


def test_pip_is_asked_for_the_exact_release_without_dependencies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command downloads one binary release and installs nothing."""
    arguments = stand_in(tmp_path, monkeypatch, f"printf wheel > {DEST}/{FILE.path}")

    with downloaded_wheel(ORIGIN, FILE) as wheel:
        content = wheel.read_text()

    asked = arguments.read_text().split()
    assert "wheel" == content
    assert ["-m", "pip", "download", "--no-deps", "--only-binary=:all:"] == asked[:5]
    assert "toy==1.0" == asked[-1]
    assert not wheel.exists()


def test_the_last_line_of_pip_is_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message carries pip's own error, in one line, and EVALKIT_WHEELS as the way out."""
    stand_in(tmp_path, monkeypatch, "echo 'WARNING: retrying' >&2; echo 'ERROR: No matching distribution' >&2; exit 1")

    expected = r"pip cannot download toy==1\.0 \(No matching distribution\): .*EVALKIT_WHEELS"
    with pytest.raises(DataError, match=expected), downloaded_wheel(ORIGIN, FILE):
        pass


def test_another_file_than_the_wheel_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mirror that sends something else is named with what it sent."""
    stand_in(tmp_path, monkeypatch, f"touch {DEST}/toy-1.0.post1-py3-none-any.whl")

    with pytest.raises(DataError, match=r"pip downloaded toy-1\.0\.post1"), downloaded_wheel(ORIGIN, FILE):
        pass


def test_a_missing_interpreter_is_an_error_of_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where pip cannot even start, the message says what to do instead."""
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nothing"))

    with pytest.raises(DataError, match=r"No such file.*EVALKIT_WHEELS"), downloaded_wheel(ORIGIN, FILE):
        pass
