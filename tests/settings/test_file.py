"""Configuration files: the names of Python or of the command line, words as they are written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.errors import UserError
from evalkit.settings import RunSettings, read_config, write_config

Read = Callable[[str], dict[str, Any]]

SIGNS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
WORDS = st.text(SIGNS, min_size=1)
PAIRS = st.dictionaries(WORDS, st.text(SIGNS), min_size=1, max_size=3)


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Reader of a configuration: `read("limit: 3")`."""

    def go(text: str | bytes) -> dict[str, Any]:
        path = tmp_path / "run.yaml"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return read_config(path)

    return go


def test_both_spellings_are_read(read: Read) -> None:
    """As in Python, as the flag, and a flag that switches something off."""
    python = "max_seq_len: 512\ntasks: [a, b]\nis_reusing_prefixes: false\noptions: {lengths: '256,512'}\nout: x\n"
    flags = "max-seq-len: 512\ntask: [a, b]\nno-prefix-reuse: true\nlengths: [256, 512]\nout: x\n"

    assert read(python) == read(flags)
    assert {
        "max_seq_len": 512,
        "tasks": ("a", "b"),
        "is_reusing_prefixes": False,
        "options": {"lengths": "256,512"},
        "out": Path("x"),
    } == read(python)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("depths: 10:50:10", {"options": {"depths": "10:50:10"}}),
        ("options: {seed: 010, lang: no}", {"options": {"seed": "010", "lang": "no"}}),
        ("repeat-haystack: true", {"options": {"repeat-haystack": "yes"}}),
        ("options: {repeat-haystack: true}", {"options": {"repeat-haystack": "yes"}}),
        ("repeat-haystack: no", {}),
        ("rope-grid: 1e1", {"rope_grid": 10.0}),
        ("chat: none", {"chat": "none"}),
        ("limit: null\nprotocol: ~\ntask:", {}),
        ("tasks: quality", {"tasks": ("quality",)}),
        ("engine: {concurrency: 8, eager: true}", {"engine": {"concurrency": "8", "eager": "yes"}}),
    ],
)
def test_words_mean_what_they_mean_on_the_command_line(read: Read, text: str, values: dict[str, Any]) -> None:
    """YAML's own rules would make 36,610 of `10:10:10`, 8 of `010`, and false of `no`."""
    assert values == read(text)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("limt: 3", "unknown setting 'limt': did you mean 'limit'?"),
        ("limit: 3\nlimit: 4", "run.yaml:2: not valid YAML: limit is given twice"),
        ("max_seq_len: 3\nmax-seq-len: 4", "run.yaml: max_seq_len is given twice"),
        ("lengths: 3\noptions: {lengths: 4}", "run.yaml: lengths is given twice, once under options"),
        ("options: {a: 1, a: 2}", "run.yaml:1: not valid YAML: a is given twice"),
        ("- limit", "run.yaml: a configuration is a mapping of settings (limit: 8), found a list"),
        ("", "found nothing"),
        ("limit: few", "run.yaml: limit='few': Input should be a valid integer"),
        ("limit: true", "run.yaml: limit='yes': Input should be a valid integer"),
        ("repeats: few", "run.yaml: repeats='few': Input should be a valid integer"),
        ("tasks: {a: b}", "run.yaml: tasks={'a': 'b'}"),
        ("engine: fast", "run.yaml: engine='fast'"),
        ("a: [", "run.yaml:2: not valid YAML"),
        ("[a]: b", "run.yaml:1: not valid YAML: a list as a key"),
        (
            "a: !!python/name:os.system",
            "run.yaml:1: not valid YAML: the tag !!python/name:os.system stands",
        ),
        ("a: " + "[" * 1500, "run.yaml:1: not valid YAML: nested more than 64 deep"),
        (b"\xff", "run.yaml: not UTF-8"),
        ("\x01", "run.yaml: not valid YAML"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_a_wrong_file_is_one_line(read: Read, text: str, problem: str) -> None:
    """The file, the line where YAML knows it, what is wrong."""
    with pytest.raises(UserError) as caught:
        read(text)

    assert problem in str(caught.value)
    assert 1 == len(str(caught.value).splitlines())


@pytest.mark.parametrize("place", ["none.yaml", "."])
def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path, place: str) -> None:
    """Named as it was given."""
    with pytest.raises(UserError, match="cannot be read"):
        read_config(tmp_path / place)


SETTINGS = st.builds(
    RunSettings,
    model=WORDS,
    benchmarks=st.lists(WORDS, min_size=1, max_size=3).map(tuple),
    protocol=st.none() | WORDS,
    tasks=st.lists(WORDS, max_size=3).map(tuple),
    limit=st.none() | st.integers(1),
    rope=WORDS,
    rope_grid=st.none() | st.floats(1, exclude_min=True, allow_infinity=False),
    max_cost=st.none() | st.floats(0, exclude_min=True, allow_infinity=False),
    engine=PAIRS,
    options=PAIRS,
    is_reusing_prefixes=st.booleans(),
    partial=st.booleans(),
    out=st.none() | WORDS.filter(str.strip).map(lambda word: Path(word.replace("\0", "x"))),
)


@given(settings=SETTINGS)
def test_what_is_written_is_read_back(tmp_path_factory: pytest.TempPathFactory, settings: RunSettings) -> None:
    """Whatever the words are: `null`, `0x1F`, line separators, other scripts."""
    path = tmp_path_factory.mktemp("config") / "run.yaml"
    path.write_text(write_config(vars(settings)), "utf-8", newline="")

    assert settings == RunSettings(**read_config(path))


def test_defaults_are_written_and_what_nobody_set_is_not() -> None:
    """So that the file says what is in force."""
    text = write_config({"model": "m", "limit": 8, "protocol": None})

    assert (
        "model: m\nlimit: 8\nrope: native\nrope_replaces_native: false\nrope_stacks_on_native: false\n"
        "device: auto\nattention: auto\nis_reusing_prefixes: true\ntrust_remote_code: false\npartial: false\n"
    ) == text
