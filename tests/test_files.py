"""Files that are whole or not there."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from evalkit.errors import UserError
from evalkit.files import json_text, replace_text, sha256_of, user_path, write_text

FULL = OSError(28, "No space left on device")


def refuse(*_: object) -> None:
    """The disk is full."""
    raise FULL


@pytest.mark.parametrize("step", ["write_bytes", "replace"])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Whether the bytes or the rename are refused, a reader finds the old text and no part of the new one."""
    path = tmp_path / "run.json"
    path.write_text("old")
    monkeypatch.setattr(Path, step, refuse)

    with pytest.raises(UserError, match=r"run.json: cannot be written \(No space left on device\); make room"):
        write_text(path, "new")

    assert [path] == list(tmp_path.iterdir())
    assert "old" == path.read_text()


def test_a_sync_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes that the disk did not take are not renamed over bytes that it holds."""
    path = tmp_path / "run.json"
    path.write_text("old")
    monkeypatch.setattr(os, "fsync", refuse)

    with pytest.raises(UserError, match="cannot be written"):
        write_text(path, "new")

    assert ([path], "old") == (list(tmp_path.iterdir()), path.read_text())


def test_the_bytes_are_on_the_disk_before_the_file_gets_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut between both leaves the old file, never an empty one under its name."""
    path, seen = tmp_path / "run.json", []
    sync, rename = os.fsync, Path.replace

    def noted_sync(handle: int) -> None:
        seen.append(f"sync {os.fstat(handle).st_size}")
        sync(handle)

    def noted_rename(self: Path, target: Path) -> Path:
        seen.append(f"rename to {target.name}")
        return rename(self, target)

    monkeypatch.setattr(os, "fsync", noted_sync)
    monkeypatch.setattr(Path, "replace", noted_rename)
    write_text(path, "new text")

    assert ["sync 8", "rename to run.json"] == seen
    assert "new text" == path.read_text()


def test_a_new_file_may_be_read_by_whom_the_user_lets(tmp_path: Path) -> None:
    """As any other file that the user makes: shared run folders stay readable."""
    plain, path = tmp_path / "plain", tmp_path / "run.json"
    plain.write_text("")

    write_text(path, "text")

    assert plain.stat().st_mode == path.stat().st_mode


def test_line_ends_stay_as_they_are(tmp_path: Path) -> None:
    """Digests of tables must not hang on the platform."""
    write_text(tmp_path / "deep" / "scores.csv", "a\nb\r\n中\n")

    assert "a\nb\r\n中\n".encode() == (tmp_path / "deep" / "scores.csv").read_bytes()


def test_callers_with_advice_of_their_own_get_the_systems_error(tmp_path: Path) -> None:
    """A file where a folder must be is theirs to explain."""
    (tmp_path / "cache").write_text("a file in the way")

    with pytest.raises(OSError, match="cache"):
        replace_text(tmp_path / "cache" / "digests.json", "{}")


def test_json_is_written_for_people() -> None:
    """Unicode as it is, one value a line, a newline at the end."""
    assert '{\n "针": 1\n}\n' == json_text({"针": 1})


def test_a_digest_is_that_of_the_bytes(tmp_path: Path) -> None:
    """All of them."""
    (tmp_path / "data").write_bytes(b"\x00abc\n" * 100_000)

    assert hashlib.sha256(b"\x00abc\n" * 100_000).hexdigest() == sha256_of(tmp_path / "data")


@pytest.mark.parametrize("name", ["x" * 300, "a\0b", "y/" * 3000, "\ud800"])
def test_a_path_that_no_system_can_look_for_is_one_line(name: str) -> None:
    """Names too long, signs that no name has; one that is merely not there is a path all the same."""
    with pytest.raises(UserError, match="cannot be looked for") as caught:
        user_path(name)

    assert str(caught.value).isprintable()
    assert Path("no/such") == user_path("no/such")
    assert Path("~nobody-here/x") == user_path("~nobody-here/x")
    assert Path.home() / "x" == user_path("~/x")
