"""Reading JSON lines, and the messages when they are not."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from evalkit.data import Record, read_array, read_document, read_records, require, require_strings
from evalkit.errors import DataError


def written(folder: Path, content: bytes) -> Path:
    """A file with that content."""
    path = folder / "some.jsonl"
    path.write_bytes(content)
    return path


def record(**fields: object) -> Record:
    """A record as if read from line 7 of `some.jsonl`."""
    return Record(Path("some.jsonl"), 7, fields)


def test_records_keep_their_order_and_line(tmp_path: Path) -> None:
    """Each record knows its line; blank lines count but yield nothing."""
    path = written(tmp_path, b'{"a": 1}\n\n  \n{"a": 2}\n')

    found = [(item.line, item.fields) for item in read_records(path)]

    assert [(1, {"a": 1}), (4, {"a": 2})] == found


@pytest.mark.parametrize(
    "content",
    [
        b'\xef\xbb\xbf{"a": "\xe2\x80\xa8x"}\r\n{"a": "y"}\r\n',
        b'{"a": "\xe2\x80\xa8x"}\n{"a": "y"}',
        b'\n{"a": "\xe2\x80\xa8x"}\n{"a": "y"}\n\n',
    ],
    ids=["byte order mark and CRLF", "no final newline", "blank lines"],
)
def test_harmless_variants_read_the_same(tmp_path: Path, content: bytes) -> None:
    """Only a newline ends a record; a line separator inside a string stays."""
    path = written(tmp_path, content)

    assert ["\u2028x", "y"] == [item.fields["a"] for item in read_records(path)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"a": 1}\n{"a": }\n', r"some\.jsonl:2: not JSON \(Expecting value at column 7\)"),
        (b'{"a": 1}\n{"a": "cu', r"some\.jsonl:2: the last line is cut off"),
        (b'{"a": 1}\n{"a": "\xff"}\n', r"some\.jsonl:2: not UTF-8 \(byte 0xff at position 8\)"),
        ('{"a": 1}\n'.encode("utf-16"), r"some\.jsonl:1: the file is UTF-16"),
        (b'{"a": NaN}\n', r"some\.jsonl:1: NaN is not JSON"),
        (b'{"a": -Infinity}\n', r"some\.jsonl:1: -Infinity is not JSON"),
        (b'[{"a": 1}]\n', r"some\.jsonl:1: a list instead of a JSON object"),
        (b"null\n", r"some\.jsonl:1: null instead of a JSON object"),
        (b"[" * 200_000 + b"\n", r"some\.jsonl:1: nested more than 100 deep"),
        (b'{"a": ' + b"9" * 5000 + b"}\n", r"some\.jsonl:1: a number of 5,000 digits"),
        (b"", r"some\.jsonl has no records"),
        (b"\n\n", r"some\.jsonl has no records"),
    ],
)
def test_damage_is_named_with_file_and_line(tmp_path: Path, content: bytes, message: str) -> None:
    """Each kind of damage has its own one-line message."""
    path = written(tmp_path, content)

    with pytest.raises(DataError, match=message) as caught:
        list(read_records(path))

    assert "\n" not in str(caught.value)


def test_records_before_the_damage_are_still_read(tmp_path: Path) -> None:
    """The reader streams: what stands before a bad line arrives first."""
    records = read_records(written(tmp_path, b'{"a": 1}\n{"a": }\n'))

    assert {"a": 1} == next(records).fields


def test_a_file_that_does_not_exist_is_a_data_error(tmp_path: Path) -> None:
    """The message names the path."""
    with pytest.raises(DataError, match=r"cannot read .*nothing\.jsonl: No such file"):
        list(read_records(tmp_path / "nothing.jsonl"))


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [(str, "x", "x"), (int, 3, 3), (float, 2.5, 2.5), (float, 2, 2.0), (bool, True, True), (list, [1], [1])],
)
def test_require_returns_the_value_of_the_right_type(kind: type[object], value: object, expected: object) -> None:
    """Each JSON type comes back as itself; an integer serves as a number."""
    found = require(record(field=value), "field", kind)

    assert (expected, type(expected)) == (found, type(found))


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        (str, 3, "field 'field' is an integer, a string is expected"),
        (int, True, "field 'field' is true or false, an integer is expected"),
        (float, "2", "field 'field' is a string, a number is expected"),
        (list, None, "field 'field' is null, a list is expected"),
        (dict, [], "field 'field' is a list, an object is expected"),
    ],
)
def test_require_refuses_the_wrong_type(kind: type[object], value: object, message: str) -> None:
    """The message names file, line, field, what is there and what should be."""
    with pytest.raises(DataError, match=rf"^some\.jsonl:7: {message}$"):
        require(record(field=value), "field", kind)


def test_require_refuses_a_missing_field() -> None:
    """The message lists the fields that are there."""
    with pytest.raises(DataError, match=r"some\.jsonl:7: field 'input' is missing \(fields: gt, query\)"):
        require(record(query=1, gt=2), "input", str)


def test_require_strings_refuses_another_item() -> None:
    """The message names the item's index."""
    with pytest.raises(DataError, match=r"item 1 of field 'outputs' is an integer, a string is expected"):
        require_strings(record(outputs=["a", 2]), "outputs")


def test_require_strings_returns_the_list() -> None:
    """A list of strings comes back as it is, also when empty."""
    assert [["a", "b"], []] == [require_strings(record(outputs=value), "outputs") for value in (["a", "b"], [])]


@pytest.mark.parametrize("content", [b'{"a": 1}\n', b'{"a": 1}'])
def test_a_compressed_file_reads_like_an_open_one(tmp_path: Path, content: bytes) -> None:
    """Where its name ends in `.gz`."""
    path = tmp_path / "some.jsonl.gz"
    path.write_bytes(gzip.compress(content))

    assert [{"a": 1}] == [item.fields for item in read_records(path)]


@pytest.mark.parametrize(
    "damage", [lambda packed: packed[:-9], lambda packed: b"x" + packed, lambda _: b"\x1f\x8b\x08"]
)
def test_a_damaged_compressed_file_is_named(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    """One line, whatever is wrong with it."""
    path = tmp_path / "some.jsonl.gz"
    path.write_bytes(damage(gzip.compress(b'{"a": 1}\n' * 1000)))

    with pytest.raises(DataError, match=r"some\.jsonl\.gz: not a whole gzip file"):
        list(read_records(path))


def test_a_compressed_file_that_grows_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few bytes must not fill the memory."""
    monkeypatch.setattr("evalkit.data._reading.UNPACKED_BYTES", 1000)
    path = tmp_path / "some.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"a": 1}\n' * 1000))

    with pytest.raises(DataError, match="more than 1000 bytes unpacked"):
        list(read_records(path))


def test_a_field_given_twice_is_refused_where_asked(tmp_path: Path) -> None:
    """Python keeps the last one without a word, inside objects as well."""
    path = written(tmp_path, b'{"a": 1}\n{"b": {"a": 1, "a": 2}}\n')

    assert 2 == len(list(read_records(path)))
    with pytest.raises(DataError, match=r"some\.jsonl:2: field 'a' is given twice"):
        list(read_records(path, refuses_doubled_fields=True))


@pytest.mark.parametrize(
    ("content", "message"),
    [(b'{"a": 1, "a": 2}', "field 'a' is given twice"), (b"[NaN]", "NaN is not JSON"), (b'{"a": ', "not JSON"),
     (b"\xff", "not UTF-8"), (b"[" * 200_000, "nested more than 100 deep")],
)  # fmt: skip
def test_a_document_that_cannot_be_trusted_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    """The file is named."""
    with pytest.raises(DataError, match=rf"some\.jsonl: {message}"):
        read_document(written(tmp_path, content))


def test_a_document_is_read_whole(tmp_path: Path) -> None:
    """Over several lines, with a byte order mark."""
    assert {"a": [1, 2]} == read_document(written(tmp_path, b'\xef\xbb\xbf{"a": [1,\n2]}'))


def test_the_limits_of_lines_and_documents_are_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One emoji makes Python hold four bytes for every letter, so letters are no measure."""
    for name in ("LINE_BYTES", "DOCUMENT_BYTES"):
        monkeypatch.setattr(f"evalkit.data._reading.{name}", 20)
    inside, beyond = '{"a": "中中中"}\n'.encode(), '{"a": "中中中中中"}\n'.encode()

    assert {"a": "中中中"} == next(read_records(written(tmp_path, inside))).fields
    assert {"a": "中中中"} == read_document(written(tmp_path, inside))
    with pytest.raises(DataError, match=r"some\.jsonl:1: longer than 20 bytes"):
        list(read_records(written(tmp_path, beyond)))
    with pytest.raises(DataError, match=r"some\.jsonl: more than 20 bytes"):
        read_document(written(tmp_path, beyond))


@pytest.mark.parametrize("deep", [b'{"a": ' * 101 + b"1" + b"}" * 101, b'{"a": ' + b"[" * 100 + b"]" * 100 + b"}"])
def test_records_are_as_flat_as_whole_files(tmp_path: Path, deep: bytes) -> None:
    """Whatever walks a record later may recurse; Python's own reader goes on to a thousand."""
    with pytest.raises(DataError, match=r"some\.jsonl:1: nested more than 100 deep"):
        list(read_records(written(tmp_path, deep)))
    with pytest.raises(DataError, match=r"nested more than 100 deep"):
        list(read_array(written(tmp_path, b"[" + deep + b"]")))
