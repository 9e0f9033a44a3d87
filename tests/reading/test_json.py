"""JSON of others: every value or one line, within bounds of size, depth and digits."""

from __future__ import annotations

import codecs
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit.errors import CardError, DataError
from evalkit.reading import DEEPEST, JsonError, load_json, read_json

Read = Callable[..., Any]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Reader of bytes as a file."""

    def go(content: bytes, **kwargs: Any) -> Any:
        path = tmp_path / "some.json"
        path.write_bytes(content)
        return read_json(path, **kwargs)

    return go


@pytest.mark.parametrize("is_foreign", [True, False])
@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"[" * 100_000, "nested more than 100 deep"),
        (b"[" * 101 + b"]" * 101, "nested more than 100 deep"),
        (b'{"a": ' * 101 + b"1" + b"}" * 101, "nested more than 100 deep"),
        (b'{"a": ' + b"9" * 5000 + b"}", "a number of 5,000 digits"),
        (b"[1" + b"0" * 400 + b"]", "a number of 401 digits"),
        (b'{"a": 1, "a": 2}', "field 'a' is given twice"),
        (b'{"x": [{"a": 1, "b": 3, "a": null}]}', "field 'a' is given twice"),
        (b'{"a": "\\ud800"}', "half a character (a lone surrogate) in '\\ud800'"),
        (b'{"\\udc00": 1}', "half a character"),
        (b"\xff", "not UTF-8 (byte 1)"),
        (codecs.BOM_UTF16_LE + "{}".encode("utf-16-le"), "UTF-16, not UTF-8"),
        (b"", "not JSON (Expecting value at line 1, column 1)"),
        (b'{"a":\n }', "not JSON (Expecting value at line 2, column 2)"),
        (b"{} {}", "not JSON (Extra data"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_what_cannot_be_read_is_one_line(read: Read, is_foreign: bool, content: bytes, problem: str) -> None:
    """File, fault, advice."""
    with pytest.raises(CardError) as caught:
        read(content, refuse=CardError, advice="copy it again", is_foreign=is_foreign)

    assert f"some.json: {problem}" in str(caught.value)
    assert str(caught.value).endswith(": copy it again")
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("word", [b"NaN", b"Infinity", b"-Infinity"])
def test_numbers_that_are_none_are_refused_in_our_own_files(read: Read, word: bytes) -> None:
    """Other programs write them: state space models state an infinite limit of time."""
    with pytest.raises(DataError, match="is not JSON"):
        read(b"[" + word + b"]")
    assert not math.isfinite(read(b"[" + word + b"]", is_foreign=True)[0])


@pytest.mark.parametrize("digits", [b"1e999", b"-1e999", b"1" + b"0" * 250 + b".0e99"])
def test_numbers_that_become_infinite_are_refused_in_our_own_files(read: Read, digits: bytes) -> None:
    """Python's reader makes infinity of them without a word."""
    with pytest.raises(DataError, match="a number that no float can hold"):
        read(b"[" + digits + b"]")
    assert not math.isfinite(read(b"[" + digits + b"]", is_foreign=True)[0])
    assert [1e308] == read(b"[1e308]")


def test_a_field_that_says_the_same_twice_changes_nothing(read: Read) -> None:
    """Published configurations have such; in a file of ours nobody wrote them on purpose."""
    content = b'{"a": [1], "b": 2, "a": [1]}'

    assert {"a": [1], "b": 2} == read(content, is_foreign=True)
    with pytest.raises(DataError, match="field 'a' is given twice"):
        read(content)


def test_what_is_whole_is_read(read: Read) -> None:
    """A byte order mark, pairs of surrogates, and nesting and digits up to the bound."""
    deep = b"[" * DEEPEST + b"]" * DEEPEST

    assert {"a": "𝒳", "b": -(10**298)} == read(codecs.BOM_UTF8 + b'{"a": "\\ud835\\udcb3", "b": -1' + b"0" * 298 + b"}")
    assert [] != read(deep)


def test_a_file_has_a_size_in_bytes(read: Read) -> None:
    """The reader stops there."""
    with pytest.raises(DataError, match="larger than 8 bytes, which no such file is: get the file again"):
        read(b'"' + "é".encode() * 4 + b'"', most=8)


def test_many_fields_are_read_once_each() -> None:
    """Looking for a double among them takes one step a field."""
    fields = ",".join(f'"{n}": 0' for n in range(100_000))

    assert 100_000 == len(load_json(f"{{{fields}}}".encode()))
    with pytest.raises(JsonError, match="field '5' is given twice"):
        load_json(f'{{{fields}, "5": 0}}'.encode())
