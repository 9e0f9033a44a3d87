"""Files that are whole or not there."""

from __future__ import annotations

import errno
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from evalkit.errors import ReadOnlyError, UserError
from evalkit.files import json_text, keep_aside, partial_of, replace_text, sha256_of, user_path, write_text

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

    assert ["sync 8", "rename to run.json"] == seen[:2]
    assert 1 == len(seen[2:]), "the folder, which holds the name, goes to the disk last"
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


def test_a_name_as_long_as_names_may_be_is_written(tmp_path: Path) -> None:
    """The unfinished file needs no longer one."""
    path = tmp_path / ("针" * 80 + ".csv")

    write_text(path, "a")

    assert [path] == list(tmp_path.iterdir())


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


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.EPERM])
def test_a_place_that_is_read_only_is_told_from_a_full_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Scores of a run on such a medium are printed all the same."""

    def refuse_all(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "write_bytes", refuse_all)

    with pytest.raises(ReadOnlyError, match="cannot be written"):
        write_text(tmp_path / "scores.json", "{}")


def test_what_a_killed_process_left_half_written_is_removed(tmp_path: Path) -> None:
    """With the next write of the same file; what a live process writes, and other files, stay."""
    path = tmp_path / "scores.json"
    with subprocess.Popen([sys.executable, "-c", ""]) as dead:
        dead.wait()
    mine = partial_of(path)
    theirs = mine.with_name(mine.name.replace(f"-{os.getpid()}-", f"-{dead.pid}-"))
    elsewhere = tmp_path / ".scores.json.abcdef-1-00000000.part"
    older = tmp_path / ".scores.json.1a2b3c4d.part"
    other = tmp_path / theirs.name.replace("scores.json", "scores.jsonl")
    for each in (mine, theirs, elsewhere, older, other):
        each.write_text("half")
    os.utime(older, (1, 1))

    write_text(path, "{}")

    assert {path, mine, elsewhere, other} == set(tmp_path.iterdir())


WRITER = """
import sys
from pathlib import Path
from evalkit.files import write_text
for count in range(200):
    write_text(Path(sys.argv[1]), sys.argv[2] * 20_000)
"""


def test_processes_that_write_one_file_at_once_leave_it_whole(tmp_path: Path) -> None:
    """A reader finds what one of them wrote at every moment, and none of them fails."""
    path = tmp_path / "scores.json"
    path.write_text("start")
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, path, sign], stderr=subprocess.PIPE, text=True)
        for sign in "abc"
    ]
    seen = set()
    while any(writer.poll() is None for writer in writers):
        text = path.read_text()
        seen.add((len(text), *set(text)) if text != "start" else "start")

    assert [(0, "")] * 3 == [(writer.returncode, writer.communicate()[1]) for writer in writers]
    assert seen <= {"start", (20_000, "a"), (20_000, "b"), (20_000, "c")}
    assert [path] == list(tmp_path.iterdir())


def test_a_copy_kept_aside_never_takes_the_place_of_another(tmp_path: Path) -> None:
    """Numbers go up; all copies stay."""
    path = tmp_path / "samples.jsonl"
    for text in ("one", "two"):
        path.write_text(text)
        keep_aside(path)

    assert ["samples.jsonl.damaged-1", "samples.jsonl.damaged-2"] == sorted(
        each.name for each in tmp_path.glob("*.damaged-*")
    )
    assert ("one", "two") == tuple((tmp_path / f"samples.jsonl.damaged-{number}").read_text() for number in (1, 2))


@pytest.mark.parametrize("name", ["x" * 300, "a\0b", "y/" * 3000, "\ud800"])
def test_a_path_that_no_system_can_look_for_is_one_line(name: str) -> None:
    """Names too long, signs that no name has; one that is merely not there is a path all the same."""
    with pytest.raises(UserError, match="cannot be looked for") as caught:
        user_path(name)

    assert str(caught.value).isprintable()
    assert Path("no/such") == user_path("no/such")
    assert Path("~nobody-here/x") == user_path("~nobody-here/x")
    assert Path.home() / "x" == user_path("~/x")
