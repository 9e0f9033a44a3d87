"""A JSON array read object by object."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evalkit.data import _reading, read_array
from evalkit.errors import DataError

OBJECTS = [{"text": "a\nb"}, {"text": '"quoted" \\ é 𝒳 \u2028', "list": [1, {"x": None}]}, {"empty": {}}]


def written(folder: Path, text: str) -> Path:
    """A file with that text."""
    path = folder / "data.json"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("is_ascii", [True, False])
@pytest.mark.parametrize("chunk", [1, 2, 7, 2**20])
def test_every_object_is_read_whatever_the_chunks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, indent: int | None, is_ascii: bool, chunk: int
) -> None:
    """A chunk may end inside a string, an escape or a word."""
    monkeypatch.setattr(_reading, "CHUNK", chunk)
    path = written(tmp_path, json.dumps([*OBJECTS, {"a": True}], indent=indent, ensure_ascii=is_ascii))

    assert [*OBJECTS, {"a": True}] == [record.fields for record in read_array(path)]


def test_each_object_knows_its_line(tmp_path: Path) -> None:
    """The line where it begins."""
    path = written(tmp_path, '[\n  {"a": 1},\n\n  {"b":\n 2}, {"c": 3}\n]\n')

    assert [2, 4, 5] == [record.line for record in read_array(path)]


def test_objects_come_before_the_end_is_read(tmp_path: Path) -> None:
    """Damage at the end does not keep the first object back."""
    path = written(tmp_path, '[{"a": 1}, {"b": ')

    assert {"a": 1} == next(read_array(path)).fields


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('{"a": 1}', "'{' where '\\['"),
        ("[]", "the array is empty"),
        ("", "the end of the file where"),
        ("[1]", "not an object"),
        ('[{"a": 1} {"b": 2}]', "'{' where ',' or ']'"),
        ('[{"a": 1},\n{"b": ', "data.json:2: not JSON"),
        ('[{"a": NaN}]', "NaN is not JSON"),
        ('[{"a": tru}]', "not JSON"),
        ('[{"a": "open}]', "Unterminated string"),
    ],
)
def test_what_is_not_an_array_of_objects_is_named(tmp_path: Path, text: str, complaint: str) -> None:
    """One line: the place and what is wrong there."""
    path = written(tmp_path, text)

    with pytest.raises(DataError, match=complaint):
        list(read_array(path))


def test_an_object_without_end_does_not_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is given up at a size that no record has."""
    monkeypatch.setattr(_reading, "CHUNK", 8)
    monkeypatch.setattr(_reading, "LONGEST", 64)
    path = written(tmp_path, '[{"a": "' + "x" * 1000)

    with pytest.raises(DataError, match="more than 64 bytes"):
        list(read_array(path))


def test_other_encodings_are_named(tmp_path: Path) -> None:
    """The array is read as UTF-8."""
    path = tmp_path / "data.json"
    path.write_bytes('[{"a": "é"}]'.encode("latin-1"))

    with pytest.raises(DataError, match="not UTF-8"):
        list(read_array(path))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """With the reason."""
    with pytest.raises(DataError, match=r"cannot read .*No such file"):
        list(read_array(tmp_path / "none.json"))


def test_the_limit_of_an_object_is_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Letters of other scripts count as what they take in the file."""
    monkeypatch.setattr(_reading, "CHUNK", 8)
    monkeypatch.setattr(_reading, "LONGEST", 64)
    inside, beyond = '[{"a": "' + "中" * 12 + '"}]', '[{"a": "' + "中" * 30 + '"}]'

    assert ["中" * 12] == [record.fields["a"] for record in read_array(written(tmp_path, inside))]
    with pytest.raises(DataError, match="more than 64 bytes"):
        list(read_array(written(tmp_path, beyond)))
