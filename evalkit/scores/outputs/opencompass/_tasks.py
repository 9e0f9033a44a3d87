"""OpenCompass's outputs of LongBench, L-Eval and LongBench v2: one data set per task, rows in the data's order.

A gold answer is a text, a list of texts, or an object with `answers` and `all_classes`. It is stored as the loader of
the data set made it: of the 40 loaders in the pinned release, that of L-Eval's quality alone changes it.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from evalkit.errors import DataError
from evalkit.tasks import Benchmark, benchmark_names, load_spec

from .._rows import Found, Row, digest, gold_texts, readable
from ._files import NumberedRow, numbered_rows, parts_by_name, shown

__all__ = ["abbreviations", "as_stored", "opencompass_files", "opencompass_rows"]

CUT_TO_LETTER = "LEval_quality"
"""Data set whose loader keeps the letter of a gold answer "(B) because …" (datasets/leval/leval_quality.py, load)."""
PROMPT_CHARACTERS = 200
"""A shorter `origin_prompt` is a stand-in: the instructions of these tasks alone are about as long."""


def opencompass_files(folder: Path, benchmark: Benchmark, ignore_unknown: bool) -> Found:  # noqa: ARG001
    """The files of each task of the benchmark; other data sets, which most folders hold as well, are left out."""
    known = abbreviations()[benchmark.spec.name]
    files, others = parts_by_name(folder, known.__contains__)
    if not files:
        raise DataError(f"{folder}: no file is named like an OpenCompass task of {benchmark.spec.name}")
    notes = [f"{len(others)} other data sets in the folder are left out: {shown(others)}"] if others else []
    return Found({benchmark.spec.task_name(name): paths for name, paths in files.items()}, notes)


def opencompass_rows(benchmark: Benchmark, task: str, paths: Sequence[Path]) -> list[Row]:
    """The rows of a task's file or parts."""
    is_cut = benchmark.spec.tasks[task].upstream == CUT_TO_LETTER
    numbered = list(numbered_rows(paths))
    prompts = _prompts(numbered)
    return [_row(row, is_cut, prompt) for row, prompt in zip(numbered, prompts, strict=True)]


def as_stored(benchmark: Benchmark, task: str) -> Callable[[str], str]:
    """What the rows of a task have in the place of a gold answer of the data."""
    is_cut = benchmark.spec.tasks[task].upstream == CUT_TO_LETTER
    return (lambda target: _as_written(target[1:2])) if is_cut else str


@functools.cache
def abbreviations() -> dict[str, set[str]]:
    """Benchmark name → OpenCompass names of its tasks, for the benchmarks that ship with evalkit."""
    specs = (load_spec(name) for name in benchmark_names())
    return {spec.name: {task.upstream for task in spec.tasks.values() if task.upstream} for spec in specs}


def _prompts(rows: Sequence[NumberedRow]) -> list[str]:
    """A digest of each row's `origin_prompt`, a text or a list of turns; none where these cannot be whole."""
    found = [row.fields.get("origin_prompt") for row in rows]
    texts = [each if isinstance(each, str) else json.dumps(each, ensure_ascii=True) for each in found]
    longest = max(map(len, texts), default=0)
    is_cut_off = len({text for text in texts if len(text) == longest}) > 1  # whole prompts differ in length
    return ["" if is_cut_off or len(text) < PROMPT_CHARACTERS else digest(text) for text in texts]


def _row(row: NumberedRow, is_cut: bool, prompt: str) -> Row:
    gold = row.fields.get("gold")
    metadata: dict[str, Any] = {}
    if isinstance(gold, dict):
        metadata["all_classes"] = list(gold_texts(gold.get("all_classes"), row.place, "all_classes"))
        gold = gold.get("answers")
    targets = gold_texts(gold, row.place, "gold")
    if is_cut:
        targets = tuple(_as_written(target) for target in targets)
    return Row(row.place, row.number, readable(row.fields.get("prediction")), targets, metadata, prompt=prompt)


def _as_written(letter: str) -> str:
    """A gold answer as the data begins it: the scorers cut it to the letter themselves, as the loader did."""
    return f"({letter})" if len(letter) == 1 else letter
