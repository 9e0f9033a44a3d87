"""Advice for folders whose format was not named, or named wrongly."""

from __future__ import annotations

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


def test_a_folder_that_tells_nothing_gets_no_advice(bare: Path, evalkit: Callable[..., Any]) -> None:
    """Then it is no run folder, and that is all."""
    put(bare / "m", "notes.json", {"a": 1})
    (bare / "m" / "odd.jsonl").write_bytes(b"\xff")

    assert "try: evalkit" not in evalkit("score", "m").complaint
