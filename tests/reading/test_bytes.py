"""Bytes and texts of files, up to a size."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalkit.errors import DataError, UserError
from evalkit.reading import read_bytes, read_text


def test_line_ends_become_newlines_and_a_byte_order_mark_is_dropped(tmp_path: Path) -> None:
    """As text files are read elsewhere; the mark is no part of a text."""
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xef\xbb\xbfa\r\nb\rc\n")

    assert "a\nb\nc\n" == read_text(path, 100)


def test_a_file_ends_at_its_bound(tmp_path: Path) -> None:
    """A device without end is given up there too."""
    path = tmp_path / "a.txt"
    path.write_bytes(b"12345")

    assert b"12345" == read_bytes(path, 5)
    for endless in (path, Path("/dev/zero")):
        with pytest.raises(UserError, match="larger than 4 bytes"):
            read_bytes(endless, 4, refuse=UserError)


def test_what_is_no_utf8_is_named_with_its_place(tmp_path: Path) -> None:
    """By byte."""
    path = tmp_path / "a.txt"
    path.write_bytes(b"ab\xff")

    with pytest.raises(DataError, match=r"not UTF-8 \(byte 3\)"):
        read_text(path, 5)
