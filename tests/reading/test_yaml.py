"""YAML of others: every value or one line, within bounds of size, depth and what aliases come to."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from evalkit.errors import CardError, DataError
from evalkit.paths import shipped
from evalkit.reading import YamlWords, _yaml, read_yaml

Read = Callable[..., Any]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Reader of a text as a file."""

    def go(text: str | bytes, *args: Any, **kwargs: Any) -> Any:
        path = tmp_path / "some.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_yaml(path, *args, **kwargs)

    return go


@pytest.mark.parametrize("path", sorted(shipped("benchmarks").glob("*.yaml")), ids=lambda path: path.name)
def test_what_ships_is_read_as_pyyaml_reads_it(path: Path) -> None:
    """Anchors, aliases, folded texts and all."""
    assert yaml.safe_load(path.read_text("utf-8")) == read_yaml(path)


@pytest.mark.parametrize(
    "text",
    [
        "a: 1\nb: 0x1F\nc: 010\nd: 1_000\ne: 1.5e+3\nf: .inf\ng: ~\nh: yes\ni: No\nj: 12:30:45\nk: -7",
        "a: 2020-01-02\nb: 2020-01-02T03:04:05Z\nc: 2001-12-14 21:59:43.10 -5",
        "a: '1'\nb: !!str 1\nc: ! 1\nd: !!int '3'\ne: !!float 3\nf: !!binary aGk=\ng: !!null ''\nh: =",
        "a: &x {b: 1, c: [1, 2]}\nd: *x\ne: {<<: *x, b: 2}\nf: {<<: [{g: 1}, {g: 2, h: 3}]}",
        "- |\n  two\n  lines\n- >-\n  folded\n  text\n- \"\\u00e9\\t\"\n- ''\n-\n",
        "{}",
        "[]",
        "plain",
        "--- a\n...\n",
        "3: a\n2.5: b\ntrue: c\n~: d",
        "",
        "# nothing",
    ],
)
def test_values_are_those_of_pyyaml(read: Read, text: str) -> None:
    """YAML 1.1, as far as PyYAML knows it."""
    known = text.replace("h: =", "h: '='")  # which PyYAML makes nothing of

    assert yaml.safe_load(known) == read(text)


def test_words_of_settings_and_of_texts_stay_words(read: Read) -> None:
    """A range is no number to the base 60, and a keyword may begin with a zero."""
    text = "a: 10:50:10\nb: 010\nc: no\nd: true\ne: ~\nf: 2020-01-02"

    assert {"a": "10:50:10", "b": "010", "c": "no", "d": True, "e": None, "f": "2020-01-02"} == read(
        text, YamlWords.SETTINGS
    )
    assert {"a": "10:50:10", "b": "010", "c": "no", "d": "true", "e": "~", "f": "2020-01-02"} == read(
        text, YamlWords.TEXT
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: 1\nnotes: 2020-13-45", "2: not valid YAML: '2020-13-45' is no timestamp"),
        ("notes: 2001-12-14 21:59:43 -99", "1: not valid YAML: '2001-12-14 21:59:43 -99' is no timestamp"),
        ("a: !!int x", "1: not valid YAML: 'x' is no int"),
        ("a: !!float x", "1: not valid YAML: 'x' is no float"),
        ("a: !!bool x", "1: not valid YAML: 'x' is no bool"),
        ("a: !!timestamp x", "1: not valid YAML: 'x' is no timestamp"),
        ("a: !!binary é", "1: not valid YAML: 'é' is no binary"),
        ("a: !!set {b}", "1: not valid YAML: the tag !!set stands for nothing that is read here"),
        ("a: !!python/object/apply:os.system [ls]", "the tag !!python/object/apply:os.system stands for nothing"),
        ("a: " + "9" * 5000, "1: not valid YAML: '99999999999999999...999999999999999999' is a number of 5,000"),
        ("a: 0x" + "F" * 5000, "a number of 5,002 characters"),
        ("a: " + ":".join(["59"] * 1000), "a number of 2,999 characters"),
        ("\n" * 5 + "[" * 3000, "6: not valid YAML: nested more than 64 deep"),
        ("\n".join(" " * depth + "a:" for depth in range(100)), "65: not valid YAML: nested more than 64 deep"),
        ("a: 1\nb: 2\na: 3", "3: not valid YAML: a is given twice"),
        ("a: {b: 1,\n b: 2}", "2: not valid YAML: b is given twice"),
        ("1: a\n0x1: b", "2: not valid YAML: 1 is given twice"),
        ("? [a]\n: b", "1: not valid YAML: a list as a key"),
        ("? {a: b}\n: b", "1: not valid YAML: a mapping as a key"),
        ("a: *b", "1: not valid YAML: the alias *b stands for nothing before it"),
        ("a: &b [*b]", "1: not valid YAML: the alias *b stands for nothing before it"),
        ("a: &b 1\nc: &b 2", "2: not valid YAML: the anchor &b is given twice"),
        ("<<: 5", "1: not valid YAML: << takes a mapping"),
        ("a: 1\n---\nb: 2", "2: not valid YAML: a second document begins"),
        ('a: "\\0"', "1: not valid YAML: a NUL sign in '\\x00'"),
        ("a: [", "not valid YAML: while parsing a flow node"),
        ("a: \x01", "not valid YAML: control characters are not allowed"),
        (b"\xff", "not UTF-8 (byte 1)"),
        (b"\xff\xfea\0", "not UTF-8 (byte 1)"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_what_cannot_be_read_is_one_line(read: Read, text: str | bytes, problem: str) -> None:
    """The file, the line, what is wrong there."""
    with pytest.raises(CardError) as caught:
        read(text, refuse=CardError)

    assert problem in str(caught.value)
    assert str(caught.value).isprintable()
    assert 500 > len(str(caught.value))


def bomb(levels: int) -> str:
    """Nested aliases that come to 9 ** levels entries."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, levels)]
    return "\n".join(lines)


def test_aliases_count_as_if_they_were_written_out(read: Read) -> None:
    """9^4 entries are read, 9^9 are refused before anything walks over them, whatever the words stand for."""
    assert 9**3 == sum(len(inner) for each in read(bomb(4))["a3"] for inner in each)
    for words in YamlWords:
        with pytest.raises(DataError, match="more than 16,777,216 characters with its aliases"):
            read(bomb(9), words)


def test_one_long_text_cannot_be_multiplied(read: Read) -> None:
    """Its characters count each time."""
    with pytest.raises(DataError, match="with its aliases"):
        read(f"a: &a {'x' * 100_000}\nb: [{', '.join(['*a'] * 1000)}]")


def test_thousands_of_keys_are_read_and_a_double_among_them_is_found(read: Read) -> None:
    """Each is looked up once."""
    keys = "\n".join(f"key{n}: {n}" for n in range(20_000))

    assert 20_000 == len(read(keys))
    with pytest.raises(DataError, match="20001: not valid YAML: key7 is given twice"):
        read(f"{keys}\nkey7: 1")


def test_keys_that_are_numbers_are_few(read: Read) -> None:
    """Multiples of 2^61 − 1 have one hash in Python, so that looking up n of them takes n² steps."""
    keys = "\n".join(f"{n * (2**61 - 1)}: {n}" for n in range(1, 1002))

    with pytest.raises(DataError, match="more than 1000 keys that are no texts"):
        read(keys)


def test_a_file_has_a_size(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    """In bytes."""
    monkeypatch.setattr(_yaml, "LARGEST_FILE", 10)

    assert "éééé" == read("éééé")
    with pytest.raises(DataError, match="larger than 10 bytes"):
        read("éééééé")


def test_without_libyaml_the_same_is_read(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    """PyYAML's own parser hands out the same events."""
    monkeypatch.delattr(yaml, "CSafeLoader")

    assert {"a": datetime.date(2020, 1, 2), "b": [1, {"c": None}]} == read("a: 2020-01-02\nb: [1, {c: }]")
    with pytest.raises(DataError, match="1: not valid YAML: nested"):
        read("[" * 100)


@pytest.mark.parametrize("name", ["none.yaml", ".", "a\0b", "x" * 300])
def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path, name: str) -> None:
    """Named, with the system's reason."""
    with pytest.raises(DataError, match="cannot be read") as caught:
        read_yaml(tmp_path / name)

    assert str(caught.value).isprintable()
