"""Watched documents: read again when they change, and only then."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from evalkit.documents import WatchedDocument, _bytes, _watch
from evalkit.errors import DataError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file that was written long ago."""
    path = tmp_path / "doc.txt"
    path.write_text("first")
    _age(path)
    return path


def _age(path: Path, seconds: float = 60) -> None:
    os.utime(path, (time.time() - seconds,) * 2)


def test_a_change_is_read(path: Path) -> None:
    """Once."""
    watched = WatchedDocument(path)

    assert not watched.refresh()
    path.write_text("second")
    assert watched.refresh()
    assert "second" == watched.document.text
    assert not watched.refresh()


def test_an_editor_may_put_another_file_in_its_place(path: Path) -> None:
    """Of the same size and time."""
    watched = WatchedDocument(path)
    other = path.with_name("other")
    other.write_text("other")
    os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    other.replace(path)

    assert watched.refresh()
    assert "other" == watched.document.text


def test_two_writes_within_a_tick_are_two(path: Path) -> None:
    """The second leaves size and time as they are."""
    path.write_text("tick")
    now = path.stat().st_mtime_ns
    watched = WatchedDocument(path)
    path.write_text("tock")
    os.utime(path, ns=(now, now))

    assert watched.refresh()
    assert "tock" == watched.document.text


def test_nothing_is_read_where_nothing_changed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing made of the same bytes under a new time."""
    watched = WatchedDocument(path)
    reads = list[Path]()
    read = _bytes.read_bytes
    monkeypatch.setattr(_watch, "read_bytes", lambda path: (reads.append(path), read(path))[1])
    before = watched.document

    assert not watched.refresh()
    assert [] == reads
    _age(path, 30)
    assert not watched.refresh()
    assert [path] == reads
    assert before is watched.document


def test_a_file_that_is_gone_leaves_the_document(path: Path) -> None:
    """Until it is there again."""
    watched = WatchedDocument(path)
    path.unlink()

    with pytest.raises(DataError, match="no such file"):
        watched.refresh()
    assert "first" == watched.document.text
    path.write_text("again")
    assert watched.refresh()
    assert "again" == watched.document.text


def test_a_file_that_cannot_be_read_any_more_leaves_the_document(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And is not tried again before it changes."""
    watched = WatchedDocument(path)
    path.write_bytes(b"\x7fELF\0")
    _age(path, 30)

    for _ in range(2):
        with pytest.raises(DataError, match="is a program"):
            watched.refresh()
        monkeypatch.setattr(_watch, "read_bytes", None)
    assert "first" == watched.document.text
    monkeypatch.undo()
    path.write_text("first")
    assert not watched.refresh()
