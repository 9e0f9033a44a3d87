"""Published answers against the numbers that were computed from them: held, and not once they are spoilt."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from evalkit.verdicts import PublishedComparison, Verdict, against_published

FOLDERS = {
    "longbench_predictions/llama3-8b-instruct": ("longbench", "longbench", 21),
    "longbench_predictions/llama2-7b-chat-4k": ("longbench", "longbench", 21),
    "longbench_predictions/llama3-8b-inst_longbench_e": ("longbench", "longbench-e", 33),
    "leval_predictions/exam_eval/gpt4-32k": ("leval", "leval", 5),
}
"""Folder below EVALKIT_DATA → format, benchmark, numbers that were computed from it."""
SPOILT = 20
"""Every so many answers one is replaced."""


def outputs(name: str) -> Path:
    folder = Path(os.environ.get("EVALKIT_DATA", "")) / name
    if not os.environ.get("EVALKIT_DATA") or not folder.is_dir():
        pytest.skip(f"EVALKIT_DATA has no {name}")
    return folder


def compared(folder: Path, name: str) -> PublishedComparison:
    output_format, benchmark, _ = FOLDERS[name]
    return against_published(folder, output_format=output_format, protocol="official", benchmark=benchmark)


def spoilt(folder: Path, place: Path) -> Path:
    """A copy of outputs in which every 20th answer is another one; named as the original."""
    copy = place / folder.name
    copy.mkdir()
    for path in folder.glob("*.jsonl"):
        lines = [
            _spoilt(line) if index % SPOILT == SPOILT - 1 else line
            for index, line in enumerate(path.read_text("utf-8").splitlines())
        ]
        (copy / path.name).write_text("\n".join(lines) + "\n", "utf-8")
    return copy


def _spoilt(line: str) -> str:
    record = json.loads(line)
    answers = [name for name in record if name == "pred" or name.endswith("_pred")]
    return json.dumps({**record, **dict.fromkeys(answers, "spoilt")}, ensure_ascii=False)


@pytest.mark.parametrize("name", FOLDERS)
def test_published_answers_hold_to_within_the_printed_digits(name: str) -> None:
    """Every number whose answers are published, by those answers: nothing is in doubt but its last digit."""
    found = compared(outputs(name), name)

    assert FOLDERS[name][2] == len(found.tasks)
    assert {(Verdict.HELD, "P")} == {(number.verdict, number.mode) for number in found.tasks.values()}
    assert 0.01 + 1e-9 >= max(number.judged.bound for number in found.tasks.values() if number.judged)


@pytest.mark.parametrize("name", FOLDERS)
def test_spoilt_answers_are_not_held(name: str, tmp_path: Path) -> None:
    """No table is, and no number that the spoiling moved."""
    found = compared(spoilt(outputs(name), tmp_path), name)

    held = [number for number in found.tasks.values() if number.verdict is Verdict.HELD]
    assert Verdict.HELD is not found.table_verdict
    assert all(number.judged is not None and number.judged.bound <= 0.01 + 1e-9 for number in held)
