"""Advice for folders whose format was not named, or named wrongly."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

LINES = {
    "leval": ("coursera.pred.jsonl", {"gt": "B", "m_pred": "B", "evaluation": "exam"}),
    "longbench": ("hotpotqa.jsonl", {"pred": "x", "answers": ["x"]}),
    "longbench-v2": ("m.jsonl", {"_id": "a", "answer": "B", "response": "B"}),
    "opencompass": ("predictions/m/LEval_tpo.json", {"0": {"prediction": "B", "gold": "B"}}),
}


def put(folder: Path, name: str, content: object) -> None:
    """One file of one record."""
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(json.dumps(content) + "\n")


@pytest.mark.parametrize("output_format", LINES)
@pytest.mark.parametrize("options", [(), ("--format", "lval")])
def test_the_command_for_a_folder_is_said(
    bare: Path, evalkit: Callable[..., Any], output_format: str, options: tuple[str, ...]
) -> None:
    """Whether no format was named or one that does not exist."""
    put(bare / "m", *LINES[output_format])

    complaint = evalkit("score", "m", *options).complaint

    assert f"try: evalkit score m --format {output_format}" in complaint


def test_a_folder_of_two_formats_is_to_be_parted(bare: Path, evalkit: Callable[..., Any]) -> None:
    """A file of each is named."""
    for name in ("leval", "longbench"):
        put(bare / "m", *LINES[name])

    complaint = evalkit("score", "m").complaint

    assert "m holds files of 2 formats (leval: coursera.pred.jsonl; longbench: hotpotqa.jsonl)" in complaint


def test_a_file_of_another_format_is_told(bare: Path, evalkit: Callable[..., Any]) -> None:
    """Where its name is no task of the benchmark."""
    put(bare / "m", *LINES["leval"])

    complaint = evalkit("score", "m", "--format", "longbench").complaint

    assert "no task of longbench, and its records look like --format leval" in complaint


def test_a_folder_that_tells_nothing_is_told_the_formats(bare: Path, evalkit: Callable[..., Any]) -> None:
    """No command is made up for it."""
    put(bare / "m", "notes.json", {"a": 1})
    (bare / "m" / "odd.jsonl").write_bytes(b"\xff")

    complaint = evalkit("score", "m").complaint

    assert "try: evalkit" not in complaint
    assert "scored with --format (leval, longbench, longbench-v2, opencompass)" in complaint


@pytest.mark.parametrize("options", [(), ("--format", "leval")])
@pytest.mark.parametrize("name", ["all.zip", "coursera.json.gz", "answers.tar.gz"])
def test_what_is_packed_is_to_be_unpacked(
    bare: Path, evalkit: Callable[..., Any], name: str, options: tuple[str, ...]
) -> None:
    """By its name; nothing of it is opened."""
    put(bare / "m", name, {})

    assert f"it holds {name}: unpack it first" in evalkit("score", "m", *options).complaint


def test_compressed_lines_are_read_as_they_are(bare: Path, evalkit: Callable[..., Any]) -> None:
    """They are a format's own files."""
    name, record = LINES["leval"]
    (bare / "m").mkdir()
    (bare / "m" / f"{name}.gz").write_bytes(gzip.compress(json.dumps(record).encode() + b"\n"))

    assert "try: evalkit score m --format leval" in evalkit("score", "m").complaint
    assert 0 == evalkit("score", "m", "--format", "leval").code


def test_a_file_in_place_of_its_folder_is_told_the_folder(bare: Path, evalkit: Callable[..., Any]) -> None:
    """With the command for it."""
    put(bare / "m", *LINES["leval"])

    complaint = evalkit("score", "m/coursera.pred.jsonl").complaint

    assert "outputs are named by their folder; try: evalkit score m --format leval" in complaint


def test_a_task_of_another_benchmark_is_told_whose_it_is(bare: Path, evalkit: Callable[..., Any]) -> None:
    """Where the records do not tell it."""
    put(bare / "m", "hotpotqa.jsonl", LINES["leval"][1])

    complaint = evalkit("score", "m", "--format", "leval").complaint

    assert "no task of leval, but one of longbench, longbench-e" in complaint
